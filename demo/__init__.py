"""The demonstration campus: invented people, a sign-in where one click is the password, and services on loopback.

The product never imports anything from here.
"""
