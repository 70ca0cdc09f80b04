package io.frz.template.internal

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.charset.CodingErrorAction

/** Reads the fields of a template's map. Malformed fields cause a [RuntimeException] or an IOException. */
internal class MapReader(bytes: ByteArray) {
    private val bytes = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)

    /** The number of bytes that have not been read. */
    val remaining: Int get() = bytes.remaining()

    /** Reads a number from 0 to [largest]. */
    fun number(largest: Long = Long.MAX_VALUE): Long {
        var value = 0L
        var shift = 0
        while (true) {
            val byte = bytes.get().toInt()
            value = value or ((byte and LOW_BITS).toLong() shl shift)
            if (byte >= 0) break
            shift += BITS
            require(shift < Long.SIZE_BITS - 1) { "a number in its map is too long" }
        }
        require(value in 0..largest) { "a number in its map is $value and must be at most $largest" }
        return value
    }

    /** Reads a number from -[largest] to [largest]. */
    fun signed(largest: Long): Long {
        val value = number(2 * largest)
        return if (value and 1 == 0L) value shr 1 else -((value + 1) shr 1)
    }

    /** Reads an index and returns the item of [items] at that index. */
    fun <T> item(items: List<T>): T = items[number(items.size - 1L).toInt()]

    /**
     * Reads an index, counted from 1, and returns the item of [items] at that index; returns null if the index is 0.
     */
    fun <T : Any> optional(items: List<T>): T? = items.getOrNull(number(items.size.toLong()).toInt() - 1)

    /** Reads a finite number that is not negative. */
    fun real(): Double = bytes.getDouble().also { require(it >= 0 && !it.isInfinite()) { "its map contains $it" } }

    /** Reads a string. */
    fun text(): String {
        val size = number(bytes.remaining().toLong()).toInt()
        require(size <= bytes.remaining()) { "its map ends too early" }
        val text = bytes.slice().also { it.limit(size) }
        bytes.position(bytes.position() + size)
        return Charsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT).decode(text).toString()
    }

    /** Reads the length of a list, then each of its items with [read]. */
    inline fun <T> list(largest: Long = Long.MAX_VALUE, read: () -> T): List<T> {
        val items = ArrayList<T>()
        var left = number(largest)
        while (left-- > 0) items.add(read())
        return items
    }

    private companion object {
        const val BITS = 7
        const val LOW_BITS = 127
    }
}
