class A:
    retries = 1

retries = 1
