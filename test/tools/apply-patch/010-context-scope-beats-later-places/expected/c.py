class A:
    def run(self):
        go()
        return 2

class B:
    def run(self):
        go()
        return 1
