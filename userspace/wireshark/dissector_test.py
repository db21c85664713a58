#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Tests glass.lua with tshark, on a capture that was made in the guest.

Every frame is read here a second time, by another hand, and each field that
tshark shows must agree. What was lost and sent again the kernel has counted
(glass.facts). Then the capture is altered: bytes, doubled frames, cut ones.

qemu/guest/capture.sh says what is on which port.
"""

import collections
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
CAPTURE = os.path.join(HERE, "glass.pcap")
FACTS = os.path.join(HERE, "glass.facts")
LUA = os.path.join(HERE, "glass.lua")

ETHERNET = struct.Struct("!6s6sH")
HEADER = struct.Struct("!BBBBHHIIIII")
SEGMENT = struct.Struct("!IIIIIBBH")
RECORD = struct.Struct("<IIII")  # of the file, before each frame
PCAP = struct.Struct("<IHHiIII")
STREAM, DGRAM, SEQPACKET, CONTROL = 1, 2, 5, 7
SYN, ACK, FIN, RST = 1, 2, 4, 8
BAD, GOOD, UNVERIFIED, PARTIAL = "0", "1", "2", "3"

Header = collections.namedtuple(
    "Header", "version hlen protocol flags checksum reserved len "
    "src_node src_port dst_node dst_port")
Segment = collections.namedtuple(
    "Segment", "seq ack window ts ts_echo flags sacks reserved")


def read_capture(path):
    """The frames of a file that tcpdump wrote."""
    with open(path, "rb") as file:
        data = file.read()
    magic, *_, linktype = PCAP.unpack_from(data)
    assert (magic, linktype) == (0xa1b2c3d4, 1), "not a capture of Ethernet"
    frames = []
    at = PCAP.size
    while at < len(data):
        _, _, size, _ = RECORD.unpack_from(data, at)
        frames.append(data[at + RECORD.size:at + RECORD.size + size])
        at += RECORD.size + size
    return frames


def write_capture(path, frames, whole=None):
    """The opposite; whole: how long frames were that are shorter now."""
    with open(path, "wb") as file:
        file.write(PCAP.pack(0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for number, frame in enumerate(frames):
            size = len(whole[number]) if whole else len(frame)
            file.write(RECORD.pack(number, 0, len(frame), size) + frame)


def tshark(path, *fields, options=()):
    """For each frame, a dictionary of fields to lists of values."""
    command = ["tshark", "-n", "-X", "lua_script:" + LUA, "-r", path,
               "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,",
               "-E", "separator=/t", *options]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = "\n".join(line for line in done.stderr.splitlines()
                     if "Running as user" not in line)
    assert done.returncode == 0 and not said, said
    return [dict(zip(fields, (value.split(",") if value else []
                              for value in line.split("\t"))))
            for line in done.stdout.split("\n")[:-1]]


def fold(total):
    """A sum of 16-bit words, as RFC 1071 ends it."""
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return total


def words(data):
    """The sum of its 16-bit words."""
    data += b"\0" * (len(data) % 2)
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def header_of(frame):
    """The Glass header."""
    return Header._make(HEADER.unpack_from(frame, ETHERNET.size))


def segment_of(frame):
    """The segment's, or None."""
    if header_of(frame).protocol not in (STREAM, SEQPACKET):
        return None
    return Segment._make(
        SEGMENT.unpack_from(frame, ETHERNET.size + HEADER.size))


def checksum_status(frame):
    """What the dissector must say of a frame that is whole."""
    hdr = header_of(frame)
    end = ETHERNET.size + 4 * hdr.hlen + hdr.len
    if hdr.checksum and fold(words(frame[:end])) == 0xffff:
        return GOOD
    pseudo = fold(words(frame[:ETHERNET.size]))
    return PARTIAL if hdr.checksum == pseudo else BAD


def is_refused(frame):
    """Does module/wire.c drop it, whatever the checksum?"""
    size = len(frame) - ETHERNET.size
    if size < HEADER.size:
        return True
    hdr = header_of(frame)
    hlen = 4 * hdr.hlen
    return (hdr.version != 1 or hlen < HEADER.size or hlen > size or
            hdr.flags != 0 or hdr.reserved != 0 or hdr.len > size - hlen or
            (hdr.len < size - hlen and size > 46) or
            0xffffffff in (hdr.src_node, hdr.src_port))


def span(frame):
    """Sequence numbers that a segment takes."""
    segment = segment_of(frame)
    return (header_of(frame).len + bool(segment.flags & SYN) +
            bool(segment.flags & FIN))


class Dissector(unittest.TestCase):
    """Each case asks tshark about the capture, or about one made of it."""

    @classmethod
    def setUpClass(cls):
        cls.frames = read_capture(CAPTURE)
        with open(FACTS, encoding="ascii") as file:
            cls.facts = {line.split()[1]: int(line.split()[2]) for line in file}

    def altered(self, frames, *fields, whole=None, options=()):
        """What tshark says of these frames."""
        with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
            write_capture(file.name, frames, whole)
            return tshark(file.name, *fields, options=options)

    def of_port(self, port, *fields, options=()):
        """What it says of a port's frames."""
        return tshark(CAPTURE, *fields, options=(
            "-Y", f"glass.src_port=={port} or glass.dst_port=={port}", *options))

    def test_capture_has_what_it_must(self):
        """The other cases would say little about a poor one."""
        protocols = collections.Counter(
            header_of(frame).protocol for frame in self.frames)
        self.assertEqual(set(protocols), {STREAM, DGRAM, SEQPACKET, CONTROL})
        states = collections.Counter(map(checksum_status, self.frames))
        self.assertGreater(states[GOOD], 20)
        self.assertGreater(states[PARTIAL], 20)
        self.assertEqual(states[BAD], 0)
        self.assertGreater(self.facts["5005"], 2)

    def test_fields_are_those_of_the_frames(self):
        """Of the header, and of segments."""
        names = {"version": "version", "protocol": "protocol", "flags": "flags",
                 "checksum": "checksum", "reserved": "reserved", "len": "len",
                 "src_node": "src_node", "src_port": "src_port",
                 "dst_node": "dst_node", "dst_port": "dst_port"}
        parts = {"seq": "seq_raw", "ack": "ack_raw", "window": "window",
                 "ts": "ts", "ts_echo": "ts_echo", "flags": "seg.flags",
                 "sacks": "seg.sacks", "reserved": "seg.reserved"}
        shown = tshark(CAPTURE, *("glass." + name for name in
                                  [*names.values(), "hdr_len", *parts.values()]))
        self.assertEqual(len(shown), len(self.frames))
        for frame, row in zip(self.frames, shown):
            hdr, segment = header_of(frame), segment_of(frame)
            self.assertEqual([int(v, 0) for v in row["glass.hdr_len"]],
                             [4 * hdr.hlen])
            for name, field in names.items():
                self.assertEqual([int(v, 0) for v in row["glass." + field]],
                                 [getattr(hdr, name)], field)
            for name, field in parts.items():
                self.assertEqual([int(v, 0) for v in row["glass." + field]],
                                 [getattr(segment, name)] if segment else [],
                                 field)

    def test_flags_have_names(self):
        """In the filter language and in the Info column."""
        bits = {"syn": 1, "ack": 2, "fin": 4, "rst": 8, "deaf": 16}
        fields = {name: "glass.seg.flags." + name for name in bits}
        shown = tshark(CAPTURE, *fields.values(), "_ws.col.Info")
        for frame, row in zip(self.frames, shown):
            segment = segment_of(frame)
            if not segment:
                continue
            for name, bit in bits.items():
                self.assertEqual(row[fields[name]],
                                 ["1" if segment.flags & bit else "0"])
            said = [name.upper() for name, bit in bits.items()
                    if segment.flags & bit]
            self.assertIn("[" + ", ".join(said) + "]",
                          ",".join(row["_ws.col.Info"]))

    def test_sequence_numbers_are_relative(self):
        """Each direction counts from its SYN."""
        shown = tshark(CAPTURE, "glass.seq", "glass.ack")
        first = {}
        for frame, row in zip(self.frames, shown):
            hdr, segment = header_of(frame), segment_of(frame)
            if not segment:
                continue
            way = (hdr.src_port, hdr.dst_port)
            if segment.flags & SYN:
                first[way] = segment.seq
            if way not in first:  # a refusal
                continue
            self.assertEqual(int(row["glass.seq"][0]),
                             (segment.seq - first[way]) % 2**32)
            if segment.flags & ACK:
                self.assertEqual(int(row["glass.ack"][0]),
                                 (segment.ack - first[way[::-1]]) % 2**32)

    def test_checksum_is_verified(self):
        """Good, left to the device, or bad after any bit has changed."""
        shown = tshark(CAPTURE, "glass.checksum.status")
        self.assertEqual([row["glass.checksum.status"][0] for row in shown],
                         [checksum_status(frame) for frame in self.frames])
        chance = random.Random(1)
        broken = []
        for frame in self.frames:
            if checksum_status(frame) != GOOD:
                continue
            data = bytearray(frame)
            # Not the EtherType, nor the length, which says what is summed.
            at = chance.choice([at for at in range(len(data))
                                if at not in (12, 13, 15, *range(22, 26))])
            data[at] ^= 1 << chance.randrange(8)
            broken.append(bytes(data))
        for row in self.altered(broken, "glass.checksum.status",
                                "glass.checksum.bad"):
            self.assertEqual(row["glass.checksum.status"], [BAD])
            self.assertEqual(len(row["glass.checksum.bad"]), 1)
        for row in tshark(CAPTURE, "glass.checksum.status",
                          options=("-o", "glass.checksum:FALSE")):
            self.assertEqual(row["glass.checksum.status"], [UNVERIFIED])

    def test_retransmissions_are_those_that_the_kernel_counted(self):
        """Nothing that was sent is missing from this part of the capture."""
        shown = self.of_port(5005, "frame.number", "glass.len",
                             "glass.analysis.retransmission",
                             "glass.analysis.lost_segment",
                             "glass.analysis.out_of_order")
        again = [row for row in shown if row["glass.analysis.retransmission"]]
        self.assertEqual(
            sum(row["glass.len"] != ["0"] for row in again), self.facts["5005"])
        self.assertFalse([row for row in shown
                          if row["glass.analysis.lost_segment"] or
                          row["glass.analysis.out_of_order"]])
        for port in (5002, 5003):
            for row in self.of_port(port, "glass.analysis.retransmission",
                                    "glass.analysis.lost_segment",
                                    "glass.analysis.duplicate_ack"):
                self.assertFalse(any(row.values()), "a clean connection")

    def test_what_was_lost_before_the_capture_is_told(self):
        """Take frames out, and their successors show a hole."""
        kept, removed = [], 0
        for frame in self.frames:
            hdr = header_of(frame)
            if (hdr.dst_port == 5002 and hdr.len and
                    hdr.protocol == STREAM and removed < 2):
                removed += 1
                size = hdr.len
                continue
            kept.append(frame)
        self.assertEqual(removed, 2)
        holes = [row["glass.analysis.missing"][0] for row in
                 self.altered(kept, "glass.analysis.missing",
                              options=("-Y", "glass.dst_port==5002"))
                 if row["glass.analysis.missing"]]
        self.assertEqual(holes, [str(2 * size)])

    def test_what_was_overtaken_is_no_retransmission(self):
        """netem has sent some before others, and nothing was sent again."""
        shown = self.of_port(5006, "glass.analysis.retransmission",
                             "glass.analysis.out_of_order")
        late = sum(bool(row["glass.analysis.out_of_order"]) for row in shown)
        again = sum(bool(row["glass.analysis.retransmission"]) for row in shown)
        self.assertGreater(late, 0)
        self.assertEqual(again, self.facts["5006"])

    def test_duplicate_acks_are_numbered(self):
        """Those that repeat a number while bytes are on their way."""
        shown = self.of_port(5005, "frame.number",
                             "glass.analysis.duplicate_ack",
                             "glass.analysis.duplicate_ack_num",
                             "glass.analysis.duplicate_ack_frame")
        count = 0
        for row in shown:
            if not row["glass.analysis.duplicate_ack"]:
                continue
            count += 1
            frame = self.frames[int(row["frame.number"][0]) - 1]
            first = self.frames[
                int(row["glass.analysis.duplicate_ack_frame"][0]) - 1]
            self.assertEqual(header_of(frame).src_port,
                             header_of(first).src_port)
            self.assertEqual(segment_of(frame).ack, segment_of(first).ack)
            self.assertEqual(span(frame), 0)
            self.assertGreater(int(row["glass.analysis.duplicate_ack_num"][0]), 0)
        self.assertGreater(count, 0)

    def test_one_transmission_seen_twice_is_no_retransmission(self):
        """As a capture of both directions of a loopback sees it."""
        twice = [frame for frame in self.frames for _ in range(2)]
        shown = self.altered(twice, "frame.number", "glass.analysis.same_as",
                             "glass.analysis.retransmission",
                             "glass.analysis.duplicate_ack")
        once = tshark(CAPTURE, "glass.analysis.retransmission",
                      "glass.analysis.duplicate_ack")
        for first, second, original, frame in zip(
                shown[::2], shown[1::2], once, self.frames):
            for name in original:
                self.assertEqual(bool(first[name]), bool(original[name]))
                self.assertFalse(second[name])
            if segment_of(frame):
                self.assertEqual(second["glass.analysis.same_as"],
                                 first["frame.number"])

    def test_messages_of_a_sequenced_packet_socket_are_found(self):
        """However they lie in segments."""
        shown = self.of_port(5003, "glass.record.len", "glass.dst_port")
        sizes = [int(size) for row in shown
                 if row["glass.dst_port"] == ["5003"]
                 for size in row["glass.record.len"]]
        self.assertEqual([size for size in sizes if size], [2000] * 3)

    def test_control_frames_are_read(self):
        """Two echoes and their replies."""
        shown = tshark(CAPTURE, "glass.control.type", "glass.control.sequence",
                       options=("-Y", "glass.protocol==7"))
        self.assertEqual([row["glass.control.type"][0] for row in shown],
                         ["1", "2"] * 2)
        self.assertEqual(shown[0]["glass.control.sequence"],
                         shown[1]["glass.control.sequence"])

    def test_a_refusal_is_told(self):
        """A connection to a port that nobody has."""
        shown = self.of_port(5004, "glass.seg.flags", "glass.reset")
        self.assertEqual([int(row["glass.seg.flags"][0], 0) for row in shown],
                         [SYN, RST | ACK])
        self.assertEqual([len(row["glass.reset"]) for row in shown], [0, 1])

    def test_malformed_frames_are_those_that_a_receiver_drops(self):
        """Bytes of the header at random, and every length."""
        chance = random.Random(2)
        frames = []
        for _ in range(300):
            data = bytearray(chance.choice(self.frames))
            for _ in range(chance.randrange(1, 4)):
                data[chance.randrange(14, 42)] = chance.choice(
                    (0, 1, 255, chance.randrange(256)))
            frames.append(bytes(data))
        samples = {}
        for frame in self.frames:
            samples.setdefault(header_of(frame).protocol, frame)
        for frame in samples.values():
            frames += [frame[:size] for size in range(14, len(frame))]
        shown = self.altered(frames, "glass.malformed", "_ws.lua.error")
        for frame, row in zip(frames, shown):
            self.assertFalse(row["_ws.lua.error"], frame.hex())
            if is_refused(frame):
                self.assertTrue(row["glass.malformed"], frame.hex())
            elif header_of(frame).protocol not in (STREAM, SEQPACKET, CONTROL):
                self.assertFalse(row["glass.malformed"], frame.hex())

    def test_frames_that_were_cut_by_the_capture_are_read_as_far_as_they_go(self):
        """tcpdump -s: the header is there, and no sum can be made."""
        for size in (20, 42, 50, 66, 80):
            cut = [frame[:size] for frame in self.frames]
            shown = self.altered(cut, "glass.src_port", "glass.checksum.status",
                                 "_ws.lua.error", whole=self.frames)
            for frame, row in zip(self.frames, shown):
                self.assertFalse(row["_ws.lua.error"], (size, frame.hex()))
                if size < 42:
                    continue
                self.assertEqual(row["glass.src_port"],
                                 [str(header_of(frame).src_port)])
                if len(frame) > size:
                    self.assertEqual(row["glass.checksum.status"], [UNVERIFIED])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
