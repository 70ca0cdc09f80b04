package io.frz.fuzz

import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32

private const val HEADER = 14
private const val CHECKSUM = 4
private const val GROUPS = 2L
private const val SIZES = 14L
private const val EDIT = 3
private const val EDITS = 4

/** The maximum number of bytes to insert in place of a missing segment. */
private const val LONGEST = 1 shl 12

private val BOUNDS = longArrayOf(
    0, 1, 2, 15, 16, 127, 128, 255, 256, 65535, 65536, Int.MAX_VALUE.toLong(), 1L shl 31, 1L shl 32, 1L shl 48,
    Long.MAX_VALUE, Long.MIN_VALUE, -1
)

/**
 * Returns a file that a fuzzer has changed, with corrected counts, sizes and checksums, so that the fuzzer reaches the
 * code after these checks.
 *
 * The directory is assumed to end where its MessagePack value ends. The bytes after the segments are interpreted as up
 * to four edits of the directory's tree. Each edit consists of three bytes: its kind, its place, and its value. The
 * fuzzer can thus edit trees by appending bytes.
 */
internal fun mended(input: ByteArray): ByteArray {
    if (input.size < HEADER || input[0] != 0x89.toByte()) return input
    if (input[5] == 1.toByte()) return mendedHeader(input)
    val reader = TreeReader(input, HEADER)
    val tree = reader.next() as? Branch ?: return mendedHeader(input)
    val sizes = sizes(tree)
    val rest = ByteBuffer.wrap(input)
    rest.position(minOf(reader.at + CHECKSUM, input.size))
    val segments = ByteArrayOutputStream()
    for (size in sizes) {
        if (size > rest.remaining() + LONGEST) break
        val segment = ByteArray(size.toInt())
        rest.get(segment, 0, minOf(segment.size, rest.remaining()))
        rest.position(minOf(rest.position() + CHECKSUM, rest.limit()))
        segments.write(checked(segment))
    }
    repeat(minOf(rest.remaining() / EDIT, EDITS)) { edit(tree, rest.octet(), rest.octet(), rest.octet()) }
    val directory = ByteArrayOutputStream().also { tree.writeTo(it) }.toByteArray()
    val head = ByteBuffer.allocate(HEADER + directory.size).order(ByteOrder.LITTLE_ENDIAN)
    head.put(input, 0, 6).putInt(directory.size).putInt(directory.size).put(directory)
    return checked(head.array()) + segments.toByteArray()
}

/** Corrects only the header's checksum, for a directory that is deflated or not a map. */
private fun mendedHeader(input: ByteArray): ByteArray {
    val stored = ByteBuffer.wrap(input).order(ByteOrder.LITTLE_ENDIAN).getInt(6)
    if (stored < 0 || stored > input.size - HEADER - CHECKSUM) return input
    val end = HEADER + stored
    return checked(input.copyOf(end)) + input.copyOfRange(end + CHECKSUM, input.size)
}

/** Returns the sizes of the segments in file order. */
private fun sizes(tree: Branch): List<Long> {
    val groups = (tree[GROUPS] as? Branch)?.children.orEmpty()
    val lists = groups.mapNotNull { ((it as? Branch)?.get(SIZES) as? Branch)?.children }
    val tiers = lists.maxOfOrNull { it.size } ?: 0
    return (0 until tiers).flatMap { tier -> lists.mapNotNull { it.getOrNull(tier)?.integer } }.filter { it > 0 }
}

private fun edit(tree: Branch, kind: Int, place: Int, value: Int) {
    val places = ArrayList<Pair<Branch, Int>>().also { collect(tree, it) }
    if (places.isEmpty()) return
    val (branch, at) = places[place % places.size]
    val children = branch.children
    when (kind % 6) {
        0 -> children.removeAt(at)
        1 -> children.add(value % (children.size + 1), children[at])
        2 -> children.add(value % children.size, children.removeAt(at))
        3 -> children[at] = Leaf.of(BOUNDS[value % BOUNDS.size])
        4 -> children[at] = Leaf.of((children[at].integer ?: 0L) + value.toByte())
        else -> children[at] = places[value % places.size].let { (other, index) -> other.children[index] }
    }
    // Copying a node into itself would create an endless tree.
    if (kind % 6 == 5 && isEndless(tree, 0)) children.removeAt(at)
}

private fun isEndless(node: Node, depth: Int): Boolean =
    node is Branch && (depth > 64 || node.children.any { isEndless(it, depth + 1) })

private fun collect(branch: Branch, places: MutableList<Pair<Branch, Int>>) {
    for ((at, child) in branch.children.withIndex()) {
        places.add(branch to at)
        if (child is Branch) collect(child, places)
    }
}

private fun ByteBuffer.octet() = get().toInt() and 0xFF

private fun checked(bytes: ByteArray): ByteArray {
    val checksum = CRC32().apply { update(bytes) }.value.toInt()
    return bytes + ByteBuffer.allocate(CHECKSUM).order(ByteOrder.LITTLE_ENDIAN).putInt(checksum).array()
}
