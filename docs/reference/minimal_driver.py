"""A driver in one page: two springs for "experts", one for complex and one for bulk atoms, and no moe_ipi.

python minimal_driver.py /tmp/ipi_NAME
"""

import base64
import json
import re
import socket
import struct
import sys
import zlib

import numpy as np

COMPLEX, BULK = 0.10, 0.05  # hartree/bohr^2
KNOWN = {"moe_token", "moe_hamiltonian", "moe_identity", "moe_probe", "moe_memory"}


def assignment(token, natoms):
    """(N,) True for complex atoms; nothing may be computed under a token that does not fit."""
    body, _, checksum = token.rpartition(".")
    form = re.fullmatch(r"moe1\.s(\d+)\.n(\d+)\.c(\d+)\.([\w-]*)", body, re.ASCII)
    if form is None or checksum != f"{zlib.crc32(body.encode()):08x}":
        raise SystemExit("the token is damaged, or of another version")
    packed = zlib.decompress(base64.urlsafe_b64decode(form[4] + "=" * (-len(form[4]) % 4)))
    mask = np.unpackbits(np.frombuffer(packed, np.uint8), count=natoms).astype(bool)
    if int(form[2]) != natoms or int(form[3]) != mask.sum():
        raise SystemExit("the token is of another system")
    return mask


def read(sock, size):
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise SystemExit("i-PI is gone")
        data += part
    return data


def read_int(sock):
    return struct.unpack("=i", read(sock, 4))[0]


sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
parameters, structure, origin = None, None, None
while True:
    message = read(sock, 12).decode().strip()
    if message == "STATUS":
        # Never READY without an INIT since the last answer: i-PI sends the parameters with it.
        sock.sendall((b"NEEDINIT" if parameters is None else b"READY").ljust(12))
    elif message == "INIT":
        read_int(sock)  # i-PI's number of the request
        text = read(sock, read_int(sock)).decode()
        pieces = (piece.partition(":") for piece in text.split(","))
        parameters = {key.strip(): value.strip() for key, colon, value in pieces if colon}
        if unknown := [key for key in parameters if key.startswith("moe_") and key not in KNOWN]:
            raise SystemExit(f"unknown parameter {unknown[0]}")
    elif message == "POSDATA":
        read(sock, 144)  # the cell and its inverse, columns are lattice vectors
        natoms = read_int(sock)
        structure = np.frombuffer(read(sock, 24 * natoms)).reshape(natoms, 3)
    elif message == "GETFORCE":
        if origin is None:
            origin = structure
        energy = parameters.get("moe_hamiltonian", "moe")
        if "moe_probe" in parameters or energy == "correction":
            raise SystemExit("this driver answers no probes, and has no correction")
        if energy in ("bulk", "complex"):
            mask = np.full(len(structure), energy == "complex")
        elif "moe_token" in parameters:
            mask = assignment(parameters["moe_token"], len(structure))
        else:
            raise SystemExit("this driver has no rules of its own: start it under moe-ipi run")
        stiffness = np.where(mask, COMPLEX, BULK)[:, None]
        potential = 0.5 * float(np.sum(stiffness * (structure - origin) ** 2))
        forces = -stiffness * (structure - origin)
        virial = np.zeros((3, 3))  # springs to fixed points have none of use
        extras = json.dumps({"moe_n_complex": int(mask.sum())}).encode()
        answer = [b"FORCEREADY".ljust(12), struct.pack("=d", potential), struct.pack("=i", len(structure))]
        answer += [forces.tobytes(), virial.tobytes(), struct.pack("=i", len(extras)), extras]
        sock.sendall(b"".join(answer))
        parameters = None
    elif message == "EXIT":
        break
    else:
        raise SystemExit(f"unknown message {message}")
