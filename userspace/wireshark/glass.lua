-- SPDX-License-Identifier: GPL-2.0
-- A dissector of Glass frames (docs/frame.md, docs/transport.md) for Wireshark 4.
--
--   tshark -X lua_script:glass.lua -r capture.pcap
--   cp glass.lua ~/.local/lib/wireshark/plugins/
--
-- Every segment carries its sender's clock. So what other analyses guess is
-- known here: bytes that come late were sent again if the clock is newer than
-- that of what came before them, and were overtaken if it is older. The same
-- clock, numbers and length once more are one transmission seen twice: Glass's
-- own devices show a capture each frame going out and coming in (-Q in), and a
-- device may double frames.

local ETHERTYPE = 0x88b5
local VERSION = 1
local HEADER = 28		-- bytes of struct glass_hdr
local SEGMENT = 24		-- bytes of struct glass_seg_hdr
local ETHERNET_MINIMUM = 46	-- bytes of data that Ethernet pads to
local ANY = 0xffffffff
local WRAP = 2 ^ 32

local STREAM, DGRAM, SEQPACKET, CONTROL = 1, 2, 5, 7
local protocols = {
	[STREAM] = "STREAM", [DGRAM] = "DGRAM", [SEQPACKET] = "SEQPACKET", [CONTROL] = "CONTROL",
}
local ECHO, ECHO_REPLY, UNREACHABLE = 1, 2, 3
local control_types = {
	[ECHO] = "Echo", [ECHO_REPLY] = "Echo reply", [UNREACHABLE] = "Unreachable",
}
local BAD, GOOD, UNVERIFIED, PARTIAL = 0, 1, 2, 3
local checksum_states = {
	[BAD] = "Bad", [GOOD] = "Good", [UNVERIFIED] = "Unverified",
	[PARTIAL] = "Partial: left to the device",
}

local glass = Proto("glass", "Glass")

local f = {
	version = ProtoField.uint8("glass.version", "Version"),
	hlen = ProtoField.uint8("glass.hdr_len", "Header length", base.UNIT_STRING, { " bytes" }),
	protocol = ProtoField.uint8("glass.protocol", "Protocol", base.DEC, protocols),
	flags = ProtoField.uint8("glass.flags", "Flags", base.HEX),
	checksum = ProtoField.uint16("glass.checksum", "Checksum", base.HEX),
	checksum_status = ProtoField.uint8("glass.checksum.status", "Checksum status", base.DEC,
		checksum_states),
	reserved = ProtoField.uint16("glass.reserved", "Reserved", base.HEX),
	len = ProtoField.uint32("glass.len", "Payload length"),
	src_node = ProtoField.uint32("glass.src_node", "Source node"),
	src_port = ProtoField.uint32("glass.src_port", "Source port"),
	dst_node = ProtoField.uint32("glass.dst_node", "Destination node"),
	dst_port = ProtoField.uint32("glass.dst_port", "Destination port"),
	payload = ProtoField.bytes("glass.payload", "Payload"),
	padding = ProtoField.bytes("glass.padding", "Padding"),

	stream = ProtoField.uint32("glass.stream", "Stream index"),
	seq = ProtoField.uint32("glass.seq", "Sequence number (relative)"),
	seq_raw = ProtoField.uint32("glass.seq_raw", "Sequence number"),
	ack = ProtoField.uint32("glass.ack", "Acknowledgment number (relative)"),
	ack_raw = ProtoField.uint32("glass.ack_raw", "Acknowledgment number"),
	window = ProtoField.uint32("glass.window", "Window"),
	ts = ProtoField.uint32("glass.ts", "Sender's clock (us)"),
	ts_echo = ProtoField.uint32("glass.ts_echo", "Receiver's clock, echoed (us)"),
	seg_flags = ProtoField.uint8("glass.seg.flags", "Segment flags", base.HEX),
	syn = ProtoField.bool("glass.seg.flags.syn", "SYN", 8, nil, 0x01),
	is_ack = ProtoField.bool("glass.seg.flags.ack", "ACK", 8, nil, 0x02),
	fin = ProtoField.bool("glass.seg.flags.fin", "FIN", 8, nil, 0x04),
	rst = ProtoField.bool("glass.seg.flags.rst", "RST", 8, nil, 0x08),
	deaf = ProtoField.bool("glass.seg.flags.deaf", "DEAF", 8, nil, 0x10),
	sacks = ProtoField.uint8("glass.seg.sacks", "SACK ranges"),
	seg_reserved = ProtoField.uint16("glass.seg.reserved", "Reserved", base.HEX),
	max_payload = ProtoField.uint32("glass.seg.max_payload", "Largest payload"),
	max_record = ProtoField.uint32("glass.seg.max_record", "Largest message"),
	sack_start = ProtoField.uint32("glass.seg.sack_start", "SACK start (relative)"),
	sack_end = ProtoField.uint32("glass.seg.sack_end", "SACK end (relative)"),
	record_eor = ProtoField.bool("glass.record.eor", "End of record", 32, nil, 0x80000000),
	record_len = ProtoField.uint32("glass.record.len", "Message length", base.DEC, nil, 0x7fffffff),

	control_type = ProtoField.uint8("glass.control.type", "Type", base.DEC, control_types),
	control_code = ProtoField.uint8("glass.control.code", "Code (errno)"),
	control_reserved = ProtoField.uint16("glass.control.reserved", "Reserved", base.HEX),
	control_sequence = ProtoField.uint32("glass.control.sequence", "Sequence number"),
	control_lost = ProtoField.bytes("glass.control.lost", "Header of the lost frame"),

	missing = ProtoField.uint32("glass.analysis.missing", "Bytes not captured before"),
	same_as = ProtoField.framenum("glass.analysis.same_as", "The same transmission as"),
	dup_num = ProtoField.uint32("glass.analysis.duplicate_ack_num", "Duplicate ACK number"),
	dup_frame = ProtoField.framenum("glass.analysis.duplicate_ack_frame", "Duplicate of the ACK in"),
}
glass.fields = f

local function note(abbr, text, severity, group)
	return ProtoExpert.new("glass." .. abbr, text, group or expert.group.SEQUENCE,
		severity or expert.severity.NOTE)
end

local e = {
	retransmission = note("analysis.retransmission", "Retransmission"),
	out_of_order = note("analysis.out_of_order", "Out of order: overtaken by what was sent later",
		expert.severity.WARN),
	lost = note("analysis.lost_segment", "A segment before this one was not captured",
		expert.severity.WARN),
	same = note("analysis.duplicate_capture",
		"The same transmission once more: captured in both directions, or doubled by the device",
		expert.severity.CHAT),
	duplicate_ack = note("analysis.duplicate_ack", "Duplicate ACK"),
	zero_window = note("analysis.zero_window", "The receiver has no room", expert.severity.WARN),
	reset = note("reset", "The connection is reset", expert.severity.WARN),
	checksum = note("checksum.bad", "Bad checksum", expert.severity.ERROR, expert.group.CHECKSUM),
	malformed = note("malformed", "Malformed: a receiver drops it", expert.severity.ERROR,
		expert.group.MALFORMED),
}
glass.experts = e

glass.prefs.relative = Pref.bool("Relative sequence numbers", true,
	"Count sequence numbers from the first one of a connection")
glass.prefs.checksum = Pref.bool("Verify the checksum", true, "Sum each frame that was captured whole")

local ethernet = { Field.new("eth.dst"), Field.new("eth.src") }
local data = Dissector.get("data")

-- --- Sequence numbers ----------------------------------------------------------

local function minus(a, b) return (a - b) % WRAP end
local function before(a, b) return minus(a, b) >= WRAP / 2 end

-- --- What is remembered of a capture -------------------------------------------

local connections	-- by both ends and the protocol
local streams		-- how many
local analyses		-- by frame number, made when a frame is seen first

function glass.init()
	connections, streams, analyses = {}, 0, {}
end

local function new_connection()
	streams = streams + 1
	return { index = streams - 1, way = { {}, {} } }
end

-- The connection, and which of its two ways the segment goes.
local function find_connection(hdr, seg)
	local from = hdr.src_node .. ":" .. hdr.src_port
	local to = hdr.dst_node .. ":" .. hdr.dst_port
	local first = from < to
	local key = hdr.protocol .. " " .. (first and from .. " " .. to or to .. " " .. from)
	local found = connections[key]
	local number = first and 1 or 2

	-- A SYN with another number than before begins a new one between the same ends.
	if not found or (seg.syn and not seg.is_ack and found.way[number].isn and
			 found.way[number].isn ~= seg.seq) then
		found = new_connection()
		connections[key] = found
	end
	return found, found.way[number], found.way[3 - number]
end

-- --- Analysis ------------------------------------------------------------------

-- Adds [first, last) to the way's list of what was captured; was all of it there?
local function add_range(way, first, last)
	local kept = {}
	local covered = false

	for _, range in ipairs(way.ranges) do
		if before(range.last, first) or before(last, range.first) then
			kept[#kept + 1] = range
		else
			covered = covered or not (before(first, range.first) or before(range.last, last))
			if before(range.first, first) then first = range.first end
			if before(last, range.last) then last = range.last end
		end
	end
	kept[#kept + 1] = { first = first, last = last }
	way.ranges = kept
	return covered
end

-- What bytes that begin elsewhere than expected tell.
local function analyse_sequence(way, seg, result)
	local last = (seg.seq + seg.span) % WRAP
	local covered

	if seg.span == 0 then return end
	covered = add_range(way, seg.seq, last)
	if way.next and before(way.next, seg.seq) then
		result.missing = minus(seg.seq, way.next)
	elseif way.next and before(seg.seq, way.next) then
		if covered or not before(seg.ts, way.clock) then
			result.retransmission = true
		else
			result.out_of_order = true
		end
	end
	if not way.next or before(way.next, last) then way.next = last end
	if not way.clock or before(way.clock, seg.ts) then way.clock = seg.ts end
end

local function analyse_ack(way, other, seg, number, result)
	local plain = seg.is_ack and seg.span == 0 and not seg.rst

	if plain and way.ack == seg.ack and (way.window == seg.window or seg.sacks > 0) and
	   other.next and before(seg.ack, other.next) then
		way.duplicates = way.duplicates + 1
		result.dup_num, result.dup_frame = way.duplicates, way.ack_frame
	elseif seg.is_ack and way.ack ~= seg.ack then
		way.ack, way.ack_frame, way.duplicates = seg.ack, number, 0
	end
	way.window = seg.window
end

-- SEQPACKET: where in the payload messages begin, as long as bytes come in order.
local function find_records(way, seg, payload, result)
	local offset

	result.records = {}
	if not way.record or not payload or before(way.record, seg.seq) then return end
	offset = minus(way.record, seg.seq)
	while offset + 4 <= payload:len() do
		result.records[#result.records + 1] = offset
		offset = offset + 4 + payload(offset, 4):uint() % 0x80000000
	end
	-- A header that two segments share: what follows is not looked for any more.
	way.record = offset < payload:len() and nil or (seg.seq + offset) % WRAP
end

local function analyse(hdr, seg, payload, number)
	local connection, way, other = find_connection(hdr, seg)
	local result = { stream = connection.index }
	local key = table.concat({ seg.seq, seg.ack, seg.ts, seg.flags, seg.len, seg.window }, " ")

	if seg.syn then
		way.isn, way.base = seg.seq, seg.seq
		way.record = way.record or (seg.seq + 1) % WRAP
	end
	way.base = way.base or seg.seq
	if seg.is_ack then other.base = other.base or seg.ack end
	way.ranges, way.seen = way.ranges or {}, way.seen or {}
	result.base, result.other_base = way.base, other.base or 0

	if way.seen[key] then
		result.same_as = way.seen[key]
	else
		way.seen[key] = number
		analyse_sequence(way, seg, result)
		analyse_ack(way, other, seg, number, result)
	end
	if hdr.protocol == SEQPACKET then find_records(way, seg, payload, result) end
	return result
end

local function show_analysis(tree, seg, result)
	local words = {}
	local function say(expert_info, word)
		tree:add_proto_expert_info(expert_info)
		words[#words + 1] = "[" .. word .. "]"
	end

	if result.retransmission then say(e.retransmission, "Retransmission") end
	if result.out_of_order then say(e.out_of_order, "Out-Of-Order") end
	if result.missing then
		tree:add(f.missing, result.missing):set_generated()
		say(e.lost, "Previous segment not captured")
	end
	if result.same_as then
		tree:add(f.same_as, result.same_as):set_generated()
		say(e.same, "Same as " .. result.same_as)
	end
	if result.dup_num then
		tree:add(f.dup_num, result.dup_num):set_generated()
		tree:add(f.dup_frame, result.dup_frame):set_generated()
		say(e.duplicate_ack, string.format("Dup ACK %d#%d", result.dup_frame, result.dup_num))
	end
	if seg.window == 0 and not seg.rst and not seg.syn then say(e.zero_window, "ZeroWindow") end
	if seg.rst then tree:add_proto_expert_info(e.reset) end
	return table.concat(words, " ")
end

-- --- The checksum ---------------------------------------------------------------

local function sum_of(bytes)
	local sum = 0

	for i = 1, #bytes - 1, 2 do
		local high, low = bytes:byte(i, i + 1)

		sum = sum + high * 256 + low
	end
	if #bytes % 2 == 1 then sum = sum + bytes:byte(#bytes) * 256 end
	return sum
end

local function fold(sum)
	while sum > 0xffff do sum = sum % 0x10000 + math.floor(sum / 0x10000) end
	return sum
end

-- The Ethernet header is the pseudo header; without it (captures of "any") nothing can be said.
local function checksum_status(tvb, size)
	local dst, src = ethernet[1](), ethernet[2]()
	local pseudo

	if not glass.prefs.checksum or not dst or not src or tvb:len() < size then
		return UNVERIFIED
	end
	pseudo = sum_of(dst.range:raw()) + sum_of(src.range:raw()) + ETHERTYPE
	if tvb(4, 2):uint() == 0 then return BAD end
	if fold(pseudo + sum_of(tvb:raw(0, size))) == 0xffff then return GOOD end
	return tvb(4, 2):uint() == fold(pseudo) and PARTIAL or BAD
end

-- --- Headers ---------------------------------------------------------------------

local function read_header(tvb)
	return {
		version = tvb(0, 1):uint(), hlen = tvb(1, 1):uint() * 4, protocol = tvb(2, 1):uint(),
		flags = tvb(3, 1):uint(), reserved = tvb(6, 2):uint(), len = tvb(8, 4):uint(),
		src_node = tvb(12, 4):uint(), src_port = tvb(16, 4):uint(),
		dst_node = tvb(20, 4):uint(), dst_port = tvb(24, 4):uint(),
	}
end

-- Why a receiver drops the frame, asked in the order of module/wire.c; or nil.
local function header_fault(hdr, size)
	if hdr.version ~= VERSION then return "version" end
	if hdr.hlen < HEADER or hdr.hlen > size then return "header length" end
	if hdr.flags ~= 0 then return "flags" end
	if hdr.reserved ~= 0 then return "reserved field" end
	if hdr.len > size - hdr.hlen or
	   (hdr.len < size - hdr.hlen and size > ETHERNET_MINIMUM) then
		return "payload length"
	end
	if hdr.src_node == ANY or hdr.src_port == ANY then return "source" end
end

local function name(node, port)
	return string.format("%.0f:%.0f", node, port)
end

local function show_header(tree, tvb, hdr, status)
	local sum

	tree:add(f.version, tvb(0, 1))
	tree:add(f.hlen, tvb(1, 1), hdr.hlen)
	tree:add(f.protocol, tvb(2, 1))
	tree:add(f.flags, tvb(3, 1))
	sum = tree:add(f.checksum, tvb(4, 2))
	sum:append_text(" [" .. checksum_states[status] .. "]")
	if status == BAD then sum:add_proto_expert_info(e.checksum) end
	tree:add(f.checksum_status, tvb(4, 2), status):set_generated()
	tree:add(f.reserved, tvb(6, 2))
	tree:add(f.len, tvb(8, 4))
	tree:add(f.src_node, tvb(12, 4))
	tree:add(f.src_port, tvb(16, 4))
	tree:add(f.dst_node, tvb(20, 4))
	tree:add(f.dst_port, tvb(24, 4))
end

local flag_names = { "SYN", "ACK", "FIN", "RST", "DEAF" }

local function read_segment(tvb, hdr)
	local flags = tvb(20, 1):uint()
	local function has(bit) return math.floor(flags / bit) % 2 == 1 end
	local seg = {
		seq = tvb(0, 4):uint(), ack = tvb(4, 4):uint(), window = tvb(8, 4):uint(),
		ts = tvb(12, 4):uint(), ts_echo = tvb(16, 4):uint(), flags = flags,
		sacks = tvb(21, 1):uint(), reserved = tvb(22, 2):uint(), len = hdr.len,
		syn = has(1), is_ack = has(2), fin = has(4), rst = has(8), names = {},
	}

	for i, text in ipairs(flag_names) do
		if has(2 ^ (i - 1)) then seg.names[#seg.names + 1] = text end
	end
	seg.span = seg.len + (seg.syn and 1 or 0) + (seg.fin and 1 or 0)
	seg.size = SEGMENT + (seg.syn and 8 or seg.sacks * 8)
	return seg
end

local function show_options(tree, tvb, seg, result)
	if seg.syn then
		tree:add(f.max_payload, tvb(SEGMENT, 4))
		tree:add(f.max_record, tvb(SEGMENT + 4, 4))
		return
	end
	for i = 0, seg.sacks - 1 do
		local at = SEGMENT + i * 8

		tree:add(f.sack_start, tvb(at, 4), minus(tvb(at, 4):uint(), result.shown_other))
		tree:add(f.sack_end, tvb(at + 4, 4), minus(tvb(at + 4, 4):uint(), result.shown_other))
	end
end

local function show_segment(tree, tvb, seg, result)
	local branch = tree:add(glass, tvb(0, seg.size), "Segment")
	local flags

	branch:add(f.stream, result.stream):set_generated()
	branch:add(f.seq, tvb(0, 4), minus(seg.seq, result.shown_base))
	branch:add(f.seq_raw, tvb(0, 4))
	if seg.is_ack then
		branch:add(f.ack, tvb(4, 4), minus(seg.ack, result.shown_other))
	end
	branch:add(f.ack_raw, tvb(4, 4))
	branch:add(f.window, tvb(8, 4))
	branch:add(f.ts, tvb(12, 4))
	branch:add(f.ts_echo, tvb(16, 4))
	flags = branch:add(f.seg_flags, tvb(20, 1))
	flags:append_text(" (" .. table.concat(seg.names, ", ") .. ")")
	for _, field in ipairs({ f.syn, f.is_ack, f.fin, f.rst, f.deaf }) do
		flags:add(field, tvb(20, 1))
	end
	branch:add(f.sacks, tvb(21, 1))
	branch:add(f.seg_reserved, tvb(22, 2))
	show_options(branch, tvb, seg, result)
	return branch
end

-- Returns what stands in the Info column.
local function dissect_segment(tvb, pinfo, tree, hdr, payload)
	local seg, result, branch, text

	if hdr.hlen - HEADER < SEGMENT then
		tree:add_proto_expert_info(e.malformed, "Malformed: header length")
		return "[Malformed]"
	end
	seg = read_segment(tvb, hdr)
	if seg.size ~= hdr.hlen - HEADER or tvb:len() < seg.size then
		tree:add_proto_expert_info(e.malformed, "Malformed: header length")
		return "[Malformed]"
	end
	if not analyses[pinfo.number] then
		analyses[pinfo.number] = analyse(hdr, seg, payload, pinfo.number)
	end
	result = analyses[pinfo.number]
	result.shown_base = glass.prefs.relative and result.base or 0
	result.shown_other = glass.prefs.relative and result.other_base or 0

	branch = show_segment(tree, tvb, seg, result)
	text = show_analysis(branch, seg, result)
	for _, offset in ipairs(result.records or {}) do
		local record = tree:add(glass, payload(offset, 4), "Message")

		record:add(f.record_eor, payload(offset, 4))
		record:add(f.record_len, payload(offset, 4))
	end
	return string.format("%s[%s] Seq=%.0f%s Win=%.0f Len=%.0f", text ~= "" and text .. " " or "",
		table.concat(seg.names, ", "), minus(seg.seq, result.shown_base),
		seg.is_ack and string.format(" Ack=%.0f", minus(seg.ack, result.shown_other)) or "",
		seg.window, seg.len)
end

-- The header and what follows it are the payload.
local function dissect_control(tvb, tree)
	local kind, branch, lost

	if not tvb or tvb:len() < 8 then
		tree:add_proto_expert_info(e.malformed, "Malformed: control header")
		return "[Malformed]"
	end
	kind = tvb(0, 1):uint()
	branch = tree:add(glass, tvb(0, 8), "Control")
	branch:add(f.control_type, tvb(0, 1))
	branch:add(f.control_code, tvb(1, 1))
	branch:add(f.control_reserved, tvb(2, 2))
	branch:add(f.control_sequence, tvb(4, 4))
	if kind == UNREACHABLE and tvb:len() >= 8 + HEADER then
		lost = read_header(tvb(8, HEADER))
		branch:add(f.control_lost, tvb(8, HEADER))
		return string.format("Unreachable: %s, errno %d", name(lost.dst_node, lost.dst_port),
			tvb(1, 1):uint())
	end
	return string.format("%s, sequence %.0f", control_types[kind] or "Control " .. kind,
		tvb(4, 4):uint())
end

-- --- A frame ----------------------------------------------------------------------

function glass.dissector(tvb, pinfo, root)
	local size = tvb:reported_len()
	local tree = root:add(glass, tvb(0, math.min(HEADER, tvb:len())))
	local hdr, fault, whole, text, payload

	pinfo.cols.protocol = "GLASS"
	if tvb:len() < HEADER then
		tree:add_proto_expert_info(e.malformed, "Malformed: short")
		pinfo.cols.info = "[Malformed: short]"
		return tvb:len()
	end
	hdr = read_header(tvb)
	fault = header_fault(hdr, size)
	whole = fault and size or hdr.hlen + hdr.len
	show_header(tree, tvb, hdr, checksum_status(tvb, whole))
	tree:append_text(string.format(", %s, %s → %s", protocols[hdr.protocol] or hdr.protocol,
		name(hdr.src_node, hdr.src_port), name(hdr.dst_node, hdr.dst_port)))
	pinfo.src_port, pinfo.dst_port = hdr.src_port, hdr.dst_port
	if fault then
		tree:add_proto_expert_info(e.malformed, "Malformed: " .. fault)
		pinfo.cols.info = "[Malformed: " .. fault .. "]"
		return tvb:len()
	end

	if tvb:len() < hdr.hlen then
		pinfo.cols.info = "[Cut by the capture]"
		return tvb:len()
	end

	-- As much of it as was captured.
	local there = math.min(whole, tvb:len()) - hdr.hlen
	if there > 0 then payload = tvb(hdr.hlen, there):tvb() end
	if hdr.protocol == STREAM or hdr.protocol == SEQPACKET then
		tree:set_len(hdr.hlen)
		text = dissect_segment(tvb(HEADER):tvb(), pinfo, tree, hdr, payload)
	elseif hdr.protocol == CONTROL then
		text = dissect_control(payload, tree)
	end
	pinfo.cols.protocol = "GLASS " .. (protocols[hdr.protocol] or hdr.protocol)
	pinfo.cols.info = string.format("%s → %s %s", name(hdr.src_node, hdr.src_port),
		name(hdr.dst_node, hdr.dst_port), text or string.format("Len=%.0f", hdr.len))
	if payload then
		tree:add(f.payload, tvb(hdr.hlen, there)):set_hidden()
		data:call(payload, pinfo, root)
	end
	if whole < tvb:len() then tree:add(f.padding, tvb(whole)) end
	return tvb:len()
end

DissectorTable.get("ethertype"):add(ETHERTYPE, glass)
