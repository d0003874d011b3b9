import sys

def main():
    greet('you')
    return 0

def greet(name):
    print('Hello', name)
    return 0
