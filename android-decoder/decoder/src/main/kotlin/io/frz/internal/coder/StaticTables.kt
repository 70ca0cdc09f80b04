package io.frz.internal.coder

import io.frz.internal.Budget

/**
 * The header and tables of a block of the static coder: the class of each value, and the symbols of each class with
 * their frequencies; see section 10.5 of the specification.
 */
internal class StaticTables(bytes: SegmentPart, block: Block) {
    /** The number of values in a lane. */
    val lane: Int

    /** The distance from a value back to its neighbor. */
    val lag: Long

    /** The magnitude to which the value of a neighbor is clamped to select a table; 0 if neighbors are not used. */
    val reach: Int

    /** The number of the last class. */
    val last: Int

    /**
     * The classes of rows and of columns; a value's class is their sum, clamped to 0 to [last]. Each array has one
     * entry if all values are of class 0.
     */
    val rows: ShortArray
    val columns: ShortArray

    /**
     * For each class and neighbor, 4096 slots. Each packs a symbol, its frequency − 1, and the slot's offset from the
     * symbol's first slot.
     */
    val slots: IntArray

    init {
        val laneBits = field(bytes, "lane", 8, 14)
        lane = 1 shl laneBits
        val neighbor = field(bytes, "neighbor", 0, 3)
        lag = when (neighbor) {
            1 -> 1
            2 -> block.positions
            else -> block.columns
        }
        reach = if (neighbor == 0) field(bytes, "reach", 0, 0) else field(bytes, "reach", 1, 4)
        val classes = field(bytes, "classes", 1, 64)
        last = classes - 1
        val symbols = field(bytes, "symbols", 1, Symbols.COUNT)
        val near = 2 * reach + 1
        if (classes * near > mostTables(block)) throw bytes.malformed("a block has too many tables")
        val tables = AdaptiveDecoder(bytes.part(bytes.leb128()), AdaptiveModel(isOfIntegers = true))
        if (classes == 1 || isLine(block)) {
            rows = ShortArray(1)
            columns = ShortArray(1)
        } else {
            rows = classes(bytes, tables, block.rows, block.count)
            columns = columns(
                bytes,
                classes(bytes, tables, block.channels, block.count),
                classes(bytes, tables, block.positions, block.count)
            )
        }
        tables.start(Block(classes.toLong(), near.toLong(), symbols.toLong(), areOffsets = false))
        slots = IntArray(classes * near shl SLOT_BITS)
        val frequencies = IntArray(symbols)
        for (table in 0 until classes * near) {
            tables.read(frequencies, 0, symbols)
            fill(bytes, table shl SLOT_BITS, frequencies)
        }
        tables.finish()
    }

    private fun field(bytes: SegmentPart, what: String, least: Int, most: Int): Int {
        val value = bytes.next()
        if (value !in least..most) throw bytes.malformed("$what of a block is $value, not $least to $most")
        return value
    }

    /**
     * Reads the classes of [size] rows, channels or positions of a block of [count] values. They are stored only if
     * there are several and each applies to several values.
     */
    private fun classes(bytes: SegmentPart, tables: AdaptiveDecoder, size: Long, count: Long): ShortArray {
        Budget.requireArray(size, "classes", null)
        val classes = ShortArray(size.toInt())
        if (size == 1L || size == count) return classes
        tables.start(Block.line(size))
        val chunk = IntArray(minOf(classes.size, CHUNK))
        for (start in classes.indices step CHUNK) {
            bytes.check()
            val count = minOf(CHUNK, classes.size - start)
            tables.read(chunk, 0, count)
            for (i in 0 until count) {
                if (chunk[i] !in -MOST_CLASS..MOST_CLASS) throw bytes.malformed("class ${chunk[i]} is out of range")
                classes[start + i] = chunk[i].toShort()
            }
        }
        return classes
    }

    private fun columns(bytes: SegmentPart, channels: ShortArray, positions: ShortArray): ShortArray {
        Budget.requireArray(channels.size.toLong() * positions.size, "classes", null)
        val columns = ShortArray(channels.size * positions.size)
        var at = 0
        for (channel in channels) {
            for (start in positions.indices step CHUNK) {
                bytes.check()
                for (k in start until minOf(start + CHUNK, positions.size)) {
                    columns[at++] = (channel + positions[k]).toShort()
                }
            }
        }
        return columns
    }

    /** Fills the slots of one table, starting at slot [first]. */
    private fun fill(bytes: SegmentPart, first: Int, frequencies: IntArray) {
        var at = first
        val end = first + SLOTS
        frequencies.forEachIndexed { symbol, frequency ->
            if (frequency < 0 || frequency > end - at) throw bytes.malformed("a table's frequencies do not sum to 4096")
            val entry = symbol shl 2 * SLOT_BITS or (frequency - 1 shl SLOT_BITS)
            for (i in 0 until frequency) slots[at++] = entry or i
        }
        if (at == first) {
            slots.fill(Symbols.NONE shl 2 * SLOT_BITS, first, end)
        } else if (at < end) {
            throw bytes.malformed("a table's frequencies do not sum to 4096")
        }
    }

    companion object {
        const val SLOT_BITS = 12
        const val SLOTS = 1 shl SLOT_BITS
        private const val MOST_CLASS = 4096
        private const val MOST_TABLES = 64 * 9L
        private const val VALUES_PER_TABLE = 256
        private const val CHUNK = 1 shl 12

        private fun isLine(block: Block) = block.count == maxOf(block.rows, block.channels, block.positions)

        /** Returns the maximum number of tables of [block]. */
        private fun mostTables(block: Block): Long = minOf(MOST_TABLES, 1 + block.count / VALUES_PER_TABLE)

        /** Returns the maximum memory of the tables of [block], in bytes. */
        fun workingBytes(block: Block): Long {
            val classes = if (isLine(block)) 0 else block.rows + block.channels + block.positions + block.columns
            return Short.SIZE_BYTES * classes + Int.SIZE_BYTES * mostTables(block) * SLOTS
        }
    }
}

/**
 * The symbols of the static coder. Each represents a sign and either a magnitude or a range of magnitudes, from which
 * extra bits select one; see section 10.6 of the specification.
 */
internal object Symbols {
    /** The number of symbols. */
    const val COUNT = 127

    /** The symbol that marks an unused table. */
    const val NONE = 255

    /** The first symbol with extra bits; all later ones have extra bits as well. */
    const val FIRST_LONG = 15

    /** The number of extra bits of a symbol. */
    val bits = IntArray(NONE + 1) { symbol -> if (half(symbol) < 8) 0 else (half(symbol) - 2) / 2 - 1 }

    /** The magnitude of a symbol, or the smallest magnitude of its range. */
    val magnitudes = IntArray(NONE + 1) { symbol ->
        val half = half(symbol)
        if (symbol >= COUNT) {
            0
        } else if (half < 8) {
            half
        } else {
            (2 + half % 2) shl bits[symbol]
        }
    }

    /** The value of a symbol without extra bits. */
    val values = IntArray(NONE + 1) { if (it % 2 == 1) -magnitudes[it] else magnitudes[it] }

    private fun half(symbol: Int) = (symbol + 1) / 2
}
