"""Readings over MQTT: what messages say (`payloads`), what waits on the disk while the database is
away (`spool`), what happens to each message (`bridge`), and the broker (`broker`, the only module that
knows paho).
"""
