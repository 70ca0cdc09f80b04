meta:
  id: frz
  title: frformat tensor file
  file-extension: frz
  license: Apache-2.0
  ks-version: '0.10'
  endian: le
doc: |
  The container of an `.frz` file: the named tensors of a neural network, each stored as a small core that is multiplied
  along every axis by a basis. `format.md` is the normative text; section numbers below refer to it.

  Kaitai Struct can describe the header, the directory and its checksum. The location of the segments depends on the
  sizes in the directory, by the loop of section 4, so they form one opaque part here. Before it uses any bytes, a
  reader must check the CRC-32 of the directory and of each segment, which this description does not do. In a delta file
  (section 6.2), field 5 of the directory map is the SHA-256 of the base, a bin of 32 bytes.
doc-ref: format.md
seq:
  - id: magic
    contents: [0x89, FRZ]
    doc: 0x89, which no ASCII or UTF-8 text begins with, followed by `FRZ`.
  - id: version
    type: u1
    valid: 1
    doc: Changes with every addition that existing readers cannot skip.
  - id: flags
    type: flags
    size: 1
  - id: len_directory
    type: u4
    valid:
      max: max_directory
    doc: Size of the stored directory in bytes.
  - id: len_inflated
    type: u4
    valid:
      expr: _ <= max_directory and (flags.is_deflated or _ == len_directory)
    doc: Size of the inflated directory in bytes.
  - id: directory
    type: directory
    size: len_directory
    doc: Describes the content of the file.
  - id: crc_directory
    type: u4
    doc: CRC-32 of all preceding bytes, from offset 0.
  - id: segments
    size-eos: true
    doc: |
      In each tier, for each group in directory order: the stored bytes of the group's segment and their CRC-32, if the
      group has values in that tier. The file may end after any tier.
instances:
  max_directory:
    value: 0x400_0000
    doc: 64 MiB, the limit of section 11 for both lengths.
types:
  flags:
    meta:
      bit-endian: le
    seq:
      - id: is_deflated
        type: b1
        doc: Whether the directory is stored deflated.
      - id: reserved
        type: b7
        valid: 0
  directory:
    seq:
      - id: map
        type: value
        if: not _root.flags.is_deflated
        doc: One MessagePack map; section 3 lists its keys.
      - id: deflated
        size-eos: true
        if: _root.flags.is_deflated
        doc: The same map as one raw DEFLATE stream with the preset dictionary of appendix A.
  value:
    doc: A MessagePack value. All its multi-byte numbers are big-endian.
    seq:
      - id: tag
        type: u1
        doc: Encodes the type, and small integers and counts.
      - id: uint
        type:
          switch-on: tag
          cases:
            0xcc: u1
            0xcd: u2be
            0xce: u4be
            0xcf: u8be
        if: tag >= 0xcc and tag <= 0xcf
      - id: int
        type:
          switch-on: tag
          cases:
            0xd0: s1
            0xd1: s2be
            0xd2: s4be
            0xd3: s8be
        if: tag >= 0xd0 and tag <= 0xd3
      - id: float
        type:
          switch-on: tag
          cases:
            0xca: f4be
            0xcb: f8be
        if: tag == 0xca or tag == 0xcb
      - id: len_long
        type:
          switch-on: tag
          cases:
            0xc4: u1
            0xc5: u2be
            0xc6: u4be
            0xc7: u1
            0xc8: u2be
            0xc9: u4be
            0xd9: u1
            0xda: u2be
            0xdb: u4be
            0xdc: u2be
            0xdd: u4be
            0xde: u2be
            0xdf: u4be
        if: (tag >= 0xc4 and tag <= 0xc9) or tag >= 0xd9 and tag <= 0xdf
        doc: Length of a string, bin or extension in bytes, or the number of array entries or map pairs.
      - id: ext_type
        type: s1
        if: is_ext
      - id: text
        type: str
        encoding: UTF-8
        size: len_text
        if: is_text
      - id: bytes
        size: len_bytes
        if: is_bin or is_ext
      - id: items
        type: value
        repeat: expr
        repeat-expr: num_items
        if: is_array
      - id: pairs
        type: pair
        repeat: expr
        repeat-expr: num_pairs
        if: is_map
    instances:
      is_text:
        value: (tag & 0xe0) == 0xa0 or (tag >= 0xd9 and tag <= 0xdb)
      is_bin:
        value: tag >= 0xc4 and tag <= 0xc6
      is_ext:
        value: (tag >= 0xc7 and tag <= 0xc9) or (tag >= 0xd4 and tag <= 0xd8)
      is_array:
        value: (tag & 0xf0) == 0x90 or tag == 0xdc or tag == 0xdd
      is_map:
        value: (tag & 0xf0) == 0x80 or tag == 0xde or tag == 0xdf
      count:
        value: >-
          tag >= 0xd4 and tag <= 0xd8 ? 1 << (tag - 0xd4)
          : (tag & 0xe0) == 0xa0 ? tag & 0x1f
          : tag < 0xc0 ? tag & 0x0f
          : len_long
        doc: The value of len_long, or the count encoded in the tag.
      len_text:
        value: count
      len_bytes:
        value: count
      num_items:
        value: count
      num_pairs:
        value: count
  pair:
    doc: One entry of a map. The keys of the directory map and of group maps are the numbers of section 3.
    seq:
      - id: key
        type: value
      - id: value
        type: value
