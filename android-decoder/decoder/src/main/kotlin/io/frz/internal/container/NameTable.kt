package io.frz.internal.container

import io.frz.internal.Allowance
import io.frz.internal.Limits
import java.util.Random

/** The bytes of names, stored back to back in chunks. */
internal class NameBytes(private val allowance: Allowance) {
    private val chunks = ArrayList<ByteArray>()
    private var starts = IntArray(FEW)
    private var lengths = ShortArray(FEW)
    private var used = CHUNK

    /** The number of names. */
    var size = 0
        private set

    /** The total size of the names in bytes. */
    var total = 0L
        private set

    operator fun get(number: Int): String = String(chunk(number), offset(number), length(number), Charsets.UTF_8)

    /** Returns the array that contains name [number]; the name starts at its [offset]. */
    fun chunk(number: Int): ByteArray = chunks[starts[number] / CHUNK]

    fun offset(number: Int): Int = starts[number] % CHUNK

    fun length(number: Int): Int = lengths[number].toInt()

    /** Adds a name: the first [prefix] bytes of the last name, followed by [rest]. */
    fun add(prefix: Int, rest: ByteArray) {
        val length = prefix + rest.size
        if (used + length > CHUNK) {
            allowance.take(CHUNK.toLong())
            chunks.add(ByteArray(CHUNK))
            used = 0
        }
        if (size == starts.size) {
            allowance.take((Int.SIZE_BYTES + Short.SIZE_BYTES) * 2L * size)
            starts = starts.copyOf(2 * size)
            lengths = lengths.copyOf(2 * size)
        }
        val chunk = chunks.last()
        if (prefix > 0) System.arraycopy(chunk(size - 1), offset(size - 1), chunk, used, prefix)
        System.arraycopy(rest, 0, chunk, used + prefix, rest.size)
        starts[size] = (chunks.size - 1) * CHUNK + used
        lengths[size++] = length.toShort()
        used += length
        total += length
    }

    /** Returns what is wrong with the last name, as the end of a sentence, or null. */
    fun problem(): String? {
        val chunk = chunk(size - 1)
        val start = offset(size - 1)
        val end = start + length(size - 1)
        return when {
            !isUtf8(chunk, start, end) -> "is not UTF-8"
            hasControls(chunk, start, end) -> "has control characters"
            else -> null
        }
    }

    private fun hasControls(bytes: ByteArray, from: Int, to: Int): Boolean {
        for (i in from until to) if (bytes[i] in 0 until SPACE || bytes[i] == DELETE) return true
        return false
    }

    private companion object {
        const val CHUNK = 64 * Limits.NAME_BYTES
        const val FEW = 16
        const val SPACE = 0x20
        const val DELETE: Byte = 0x7F
    }
}

/**
 * Finds names by their bytes. The hash is a polynomial over a prime field, evaluated at a random point, so no file can
 * be crafted to make its names collide.
 */
internal class NameTable(private val names: NameBytes, private val allowance: Allowance) {
    private val point = 256L + Random().nextInt(Int.MAX_VALUE - 256)
    private var slots = IntArray(FEW)

    /** Adds name [number], which must be the next one; returns false if it is a duplicate. */
    fun add(number: Int): Boolean {
        if (2 * (number + 1) > slots.size) grow(number)
        val slot = slot(names.chunk(number), names.offset(number), names.length(number))
        if (slots[slot] != 0) return false
        slots[slot] = number + 1
        return true
    }

    /** Returns the number of the name with these [bytes], or -1. */
    fun find(bytes: ByteArray): Int = slots[slot(bytes, 0, bytes.size)] - 1

    private fun grow(count: Int) {
        allowance.take(2L * Int.SIZE_BYTES * slots.size)
        slots = IntArray(2 * slots.size)
        for (i in 0 until count) slots[slot(names.chunk(i), names.offset(i), names.length(i))] = i + 1
    }

    /** Returns the slot of the name with these bytes, or the empty slot where it belongs. */
    private fun slot(bytes: ByteArray, from: Int, length: Int): Int {
        var slot = (hash(bytes, from, length) * SPREAD ushr Int.SIZE_BITS).toInt() and (slots.size - 1)
        while (slots[slot] != 0 && !holds(slots[slot] - 1, bytes, from, length)) slot = (slot + 1) and (slots.size - 1)
        return slot
    }

    /** Returns the value of the polynomial whose coefficients are groups of [DIGIT] bytes. */
    private fun hash(bytes: ByteArray, from: Int, length: Int): Long {
        var hash = 0L
        var at = from
        while (at < from + length) {
            val end = minOf(at + DIGIT, from + length)
            var digit = 0
            while (at < end) digit = (digit shl Byte.SIZE_BITS) or (bytes[at++].toInt() and 0xFF)
            hash = hash * point + digit
            hash = (hash and PRIME) + (hash ushr PRIME_BITS)
            if (hash >= PRIME) hash -= PRIME
        }
        return hash
    }

    private fun holds(number: Int, bytes: ByteArray, from: Int, length: Int): Boolean {
        if (names.length(number) != length) return false
        val chunk = names.chunk(number)
        val start = names.offset(number)
        for (i in 0 until length) if (chunk[start + i] != bytes[from + i]) return false
        return true
    }

    private companion object {
        const val FEW = 32
        const val DIGIT = 3
        const val PRIME_BITS = 31
        const val PRIME = (1L shl PRIME_BITS) - 1

        /** The golden ratio as a 64-bit fraction; multiplying by it spreads neighboring numbers. */
        const val SPREAD = -0x61c8864680b583ebL
    }
}
