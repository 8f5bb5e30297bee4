"""The models that lie on this machine's disks and in its model servers: what is there, and is it whole?"""
