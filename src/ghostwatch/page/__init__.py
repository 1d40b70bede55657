"""The web page: what the database says of contracts, rates and alerts, drawn for people.

The database decides and counts; this only asks the functions of the room page/, lays out what they return, and draws.
"""
