class A:
    def run(self):
        go()
        return 1

class B:
    def run(self):
        go()
        return 1
