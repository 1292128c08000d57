import os
import sqlite3
import statistics
import time

connection = sqlite3.connect("measure.db", isolation_level=None)
connection.execute("CREATE TABLE history (species TEXT)")


def milliseconds(count):
    times = []
    for _ in range(50):
        begin = time.perf_counter()
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO history VALUES (?)", [("Iris-setosa",)] * count)
        connection.execute("COMMIT")
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1000


one, many = milliseconds(1), milliseconds(256)
print(f"a commit of   1 row:  {one:.2f} ms")
print(f"a commit of 256 rows: {many:.2f} ms")
print("256 rows take less than 20 times as long as one:", many < 20 * one)
os.remove("measure.db")
