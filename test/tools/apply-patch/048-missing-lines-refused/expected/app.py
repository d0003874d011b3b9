import sys

def main():
    greet('you')
    return 0

def greet(name):
    print('Hi', name)
    return 0
