package io.frz.internal.coder

/**
 * The head of a block of the static coder and its tables: which class a value is of, and what the numbers that its lane
 * decodes stand for there; section 10 of the specification.
 */
internal class StaticTables(bytes: SegmentPart, layout: Layout) {
    /** How many values a lane has. */
    val lane: Int

    /** How many values before it the neighbour of a value is. */
    val lag: Long

    /** The most that a neighbour counts; 0 if it does not. */
    val reach: Int

    /** The last class. */
    val last: Int

    /** The classes of rows and of columns, whose sum is that of a value. */
    val rows: ShortArray
    val columns: ShortArray

    /** For each class and neighbour, what each of 4096 slots stands for: symbol, frequency less 1, slot less start. */
    val slots: IntArray

    init {
        val laneBits = field(bytes, "lane", 8, 14)
        lane = 1 shl laneBits
        val neighbour = field(bytes, "neighbour", 0, 3)
        lag = when (neighbour) {
            1 -> 1
            2 -> layout.positions
            else -> layout.columns
        }
        reach = if (neighbour == 0) field(bytes, "reach", 0, 0) else field(bytes, "reach", 1, 4)
        val classes = field(bytes, "classes", 1, 64)
        last = classes - 1
        val symbols = field(bytes, "symbols", 1, Symbols.COUNT)
        val tables = AdaptiveDecoder(bytes.part(bytes.leb128()), AdaptiveModel())
        rows = classes(bytes, tables, layout.rows)
        val channels = classes(bytes, tables, layout.channels)
        val positions = classes(bytes, tables, layout.positions)
        columns = columns(channels, positions)
        val near = 2 * reach + 1
        tables.start(Layout(classes.toLong(), near.toLong(), symbols.toLong()))
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

    private fun classes(bytes: SegmentPart, tables: AdaptiveDecoder, size: Long): ShortArray {
        tables.start(Layout.line(size))
        val classes = ShortArray(size.toInt())
        val chunk = IntArray(minOf(classes.size, CHUNK))
        for (start in classes.indices step CHUNK) {
            val count = minOf(CHUNK, classes.size - start)
            tables.read(chunk, 0, count)
            for (i in 0 until count) {
                if (chunk[i] !in -MOST_CLASS..MOST_CLASS) throw bytes.malformed("a class is ${chunk[i]}")
                classes[start + i] = chunk[i].toShort()
            }
        }
        return classes
    }

    private fun columns(channels: ShortArray, positions: ShortArray): ShortArray {
        val columns = ShortArray(channels.size * positions.size)
        var at = 0
        for (channel in channels) for (position in positions) columns[at++] = (channel + position).toShort()
        return columns
    }

    /** Enters the slots of one table, from [first] on. */
    private fun fill(bytes: SegmentPart, first: Int, frequencies: IntArray) {
        var at = first
        val end = first + SLOTS
        frequencies.forEachIndexed { symbol, frequency ->
            if (frequency < 0 || frequency > end - at) throw bytes.malformed("frequencies of a table are not 4096")
            val entry = symbol shl 2 * SLOT_BITS or (frequency - 1 shl SLOT_BITS)
            for (i in 0 until frequency) slots[at++] = entry or i
        }
        if (at == first) {
            slots.fill(Symbols.NONE shl 2 * SLOT_BITS, first, end)
        } else if (at < end) {
            throw bytes.malformed("frequencies of a table are not 4096")
        }
    }

    companion object {
        const val SLOT_BITS = 12
        const val SLOTS = 1 shl SLOT_BITS
        private const val MOST_CLASS = 4096
        private const val MOST_TABLES = 64 * 9L
        private const val CHUNK = 1 shl 12

        /** The memory of the tables of a block of [layout]. */
        fun workingBytes(layout: Layout): Long {
            val classes = layout.rows + layout.channels + layout.positions + layout.columns
            return Short.SIZE_BYTES * classes + Int.SIZE_BYTES * MOST_TABLES * SLOTS
        }
    }
}

/** What symbols stand for: a sign, and a magnitude or several that bits behind the symbol tell apart. */
internal object Symbols {
    /** How many there are. */
    const val COUNT = 131

    /** The symbol of a table that is not used. */
    const val NONE = 255

    /** Symbols from this one on have bits behind them. */
    const val FIRST_LONG = 15

    /** How many bits follow a symbol. */
    val bits = IntArray(NONE + 1) { symbol -> if (half(symbol) < 8) 0 else (half(symbol) - 2) / 2 - 1 }

    /** The magnitude of a symbol, or the least of them. */
    val magnitudes = IntArray(NONE + 1) { symbol ->
        val half = half(symbol)
        if (symbol >= COUNT) 0 else if (half < 8) half else (2 + half % 2) shl bits[symbol]
    }

    /** The value of a symbol without bits. */
    val values = IntArray(NONE + 1) { if (it % 2 == 1) -magnitudes[it] else magnitudes[it] }

    private fun half(symbol: Int) = (symbol + 1) / 2
}
