package io.frz.fuzz

import java.io.ByteArrayOutputStream

/** A MessagePack value. */
internal sealed class Node {
    abstract fun writeTo(out: ByteArrayOutputStream)

    /** The number if the value is an integer ≥ 0, otherwise null. */
    open val integer: Long? get() = null
}

/** A value that contains no other values, stored as its bytes. */
internal class Leaf(private val bytes: ByteArray) : Node() {
    override fun writeTo(out: ByteArrayOutputStream) = out.write(bytes, 0, bytes.size)

    override val integer: Long? get() {
        val head = bytes[0].toInt() and 0xFF
        if (head <= 0x7F) return head.toLong()
        if (head !in 0xCC..0xCF || bytes.size != 1 + (1 shl head - 0xCC)) return null
        return bytes.drop(1).fold(0L) { value, byte -> value shl 8 or (byte.toLong() and 0xFF) }
    }

    companion object {
        /** Returns the integer [value] as a leaf; negative values represent unsigned integers of 2⁶³ or more. */
        fun of(value: Long): Leaf = when (value) {
            in 0..0x7F -> Leaf(byteArrayOf(value.toByte()))
            in 0..0xFFFFFFFFL -> Leaf(byteArrayOf(0xCE.toByte()) + big(value, 4))
            else -> Leaf(byteArrayOf(0xCF.toByte()) + big(value, 8))
        }
    }
}

/** An array or a map. The children of a map are its keys and values in alternation. */
internal class Branch(val isMap: Boolean, val children: MutableList<Node>) : Node() {
    /** Returns the value of [key] in a map. */
    operator fun get(key: Long): Node? =
        children.chunked(2).firstOrNull { it[0].integer == key && it.size == 2 }?.get(1)

    /** Writes the branch, with the actual number of elements as the count. */
    override fun writeTo(out: ByteArrayOutputStream) {
        val count = if (isMap) (children.size + 1) / 2 else children.size
        when {
            count < 16 -> out.write((if (isMap) 0x80 else 0x90) or count)

            else -> {
                out.write(if (isMap) 0xDF else 0xDD)
                out.write(big(count.toLong(), 4), 0, 4)
            }
        }
        children.forEach { it.writeTo(out) }
        if (isMap && children.size % 2 == 1) out.write(NIL)
    }

    private companion object {
        const val NIL = 0xC0
    }
}

/**
 * Reads values from [data], starting at [at]. A count that is too large is replaced by the actual number of elements.
 */
internal class TreeReader(private val data: ByteArray, var at: Int) {
    /** Reads the next value. Returns null at the end, or if values are nested deeper than the format allows. */
    fun next(depth: Int = 0): Node? {
        if (at >= data.size || depth > DEPTH) return null
        return when (val head = data[at].toInt() and 0xFF) {
            in 0x80..0x8F -> branch(true, 1, head and 0xF, depth)
            in 0x90..0x9F -> branch(false, 1, head and 0xF, depth)
            0xDC, 0xDD -> branch(false, 1 + (2 shl head - 0xDC), number(2 shl head - 0xDC), depth)
            0xDE, 0xDF -> branch(true, 1 + (2 shl head - 0xDE), number(2 shl head - 0xDE), depth)
            else -> leaf(size(head))
        }
    }

    private fun branch(isMap: Boolean, head: Int, count: Int, depth: Int): Branch {
        at += head
        val children = ArrayList<Node>()
        while (children.size < if (isMap) 2L * count else count.toLong()) children.add(next(depth + 1) ?: break)
        return Branch(isMap, children)
    }

    private fun leaf(size: Int): Leaf {
        val end = minOf(at.toLong() + size, data.size.toLong()).toInt()
        return Leaf(data.copyOfRange(at, end)).also { at = end }
    }

    private fun size(head: Int): Int = when (head) {
        in 0xA0..0xBF -> 1 + (head and 0x1F)
        in 0xC4..0xC6 -> text(1 shl head - 0xC4, 0)
        in 0xC7..0xC9 -> text(1 shl head - 0xC7, 1)
        0xCA, 0xCB -> 1 + (4 shl head - 0xCA)
        in 0xCC..0xCF -> 1 + (1 shl head - 0xCC)
        in 0xD0..0xD3 -> 1 + (1 shl head - 0xD0)
        in 0xD4..0xD8 -> 2 + (1 shl head - 0xD4)
        in 0xD9..0xDB -> text(1 shl head - 0xD9, 0)
        else -> 1
    }

    private fun text(width: Int, type: Int) = 1 + width + type + number(width)

    /** Reads the number in the [width] bytes after the head, limited to the number of remaining bytes. */
    private fun number(width: Int): Int {
        var value = 0L
        for (i in 1..width) value = value shl 8 or (data.getOrElse(at + i) { 0 }.toLong() and 0xFF)
        return minOf(value, data.size.toLong()).toInt()
    }

    private companion object {
        const val DEPTH = 64
    }
}

private fun big(value: Long, width: Int) = ByteArray(width) { (value shr 8 * (width - 1 - it)).toByte() }
