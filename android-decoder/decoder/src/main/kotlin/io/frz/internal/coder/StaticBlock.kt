package io.frz.internal.coder

/**
 * Decodes the values of [block] from [bytes] with the static coder; see sections 10.5 and 10.7 of the specification.
 */
internal class StaticBlock(private val bytes: SegmentPart, private val block: Block) {
    private val tables = StaticTables(bytes, block)

    /** For each symbol of a neighbor, the table that it selects within a class. */
    private val near = IntArray(Symbols.NONE + 1) { symbol ->
        Symbols.values[symbol].coerceIn(-tables.reach, tables.reach) + tables.reach
    }
    private val counts: SegmentPart
    private var words = ByteArray(0)
    private var at = 0
    private var end = 0

    /** Values of the current lane that have been decoded but not yet read by the caller. */
    private val spare by lazy { IntArray(tables.lane) }
    private var used = 0
    private var have = 0

    /** The number of values decoded so far. */
    private var decoded = 0L

    init {
        val lanes = (block.count + tables.lane - 1) / tables.lane
        counts = bytes.part(2 * lanes)
    }

    fun read(target: IntArray, from: Int, count: Int) {
        var done = 0
        while (done < count) {
            if (used == have) {
                val length = minOf(tables.lane.toLong(), block.count - decoded).toInt()
                if (length <= count - done) {
                    lane(target, from + done, length)
                    done += length
                    continue
                }
                lane(spare, 0, length)
                used = 0
                have = length
            }
            val part = minOf(count - done, have - used)
            System.arraycopy(spare, used, target, from + done, part)
            used += part
            done += part
        }
    }

    /** Decodes the next lane, of [length] values, into [out], starting at [from]. */
    private fun lane(out: IntArray, from: Int, length: Int) {
        load()
        var x = start()
        val columns = tables.columns
        var row = if (tables.rows.size == 1) 0 else (decoded / columns.size).toInt()
        var column = (decoded % columns.size).toInt()
        val slots = tables.slots
        val last = tables.last
        val reach = tables.reach
        val neighbors = 2 * reach + 1
        val isFar = reach > 0 && tables.lag > 1
        val lag = minOf(tables.lag, length.toLong()).toInt()
        var rowClass = tables.rows[row].toInt()
        var near = reach
        for (o in from until from + length) {
            if (isFar) near = if (o - from >= lag) reach + out[o - lag].coerceIn(-reach, reach) else reach
            val valueClass = maxOf(0, minOf(last, rowClass + columns[column]))
            val slot = slots[(valueClass * neighbors + near shl StaticTables.SLOT_BITS) or (x and SLOT)]
            x = ((slot ushr StaticTables.SLOT_BITS and SLOT) + 1) * (x ushr StaticTables.SLOT_BITS) + (slot and SLOT)
            if (x ushr WORD_BITS == 0) x = refilled(x)
            val symbol = slot ushr 2 * StaticTables.SLOT_BITS
            out[o] = Symbols.values[symbol]
            near = this.near[symbol]
            if (symbol >= Symbols.FIRST_LONG) x = longValue(x, symbol, out, o)
            if (++column == columns.size) {
                column = 0
                if (++row < tables.rows.size) rowClass = tables.rows[row].toInt()
            }
        }
        if (x != START || at != end) throw malformed()
        decoded += length
    }

    /** Reads the words of the next lane. */
    private fun load() {
        end = 2 * (counts.next() or (counts.next() shl Byte.SIZE_BITS)) + 2
        if (end < 4 || end > bytes.end - bytes.position) throw malformed()
        if (words.size < end) words = ByteArray(maxOf(end, minOf(2 * words.size, 1 shl 17)))
        bytes.read(words, end)
        at = 0
    }

    private fun start(): Int {
        val x = word() shl WORD_BITS or word()
        if (x ushr WORD_BITS == 0) throw malformed()
        return x
    }

    private fun word(): Int {
        if (at >= end) throw malformed()
        val word = (words[at].toInt() and 0xFF) or (words[at + 1].toInt() and 0xFF shl Byte.SIZE_BITS)
        at += 2
        return word
    }

    private fun refilled(x: Int): Int = x shl WORD_BITS or word()

    /** Decodes the value of a [symbol] that has extra bits, writes it to [out] at [o], and returns the new [state]. */
    private fun longValue(state: Int, symbol: Int, out: IntArray, o: Int): Int {
        if (symbol >= Symbols.COUNT) throw malformed()
        var x = state
        var extra = 0
        var left = Symbols.bits[symbol]
        while (left > 0) {
            val count = if (left > WORD_BITS) left - WORD_BITS else left
            extra = extra shl count or (x and (1 shl count) - 1)
            x = x ushr count
            if (x ushr WORD_BITS == 0) x = refilled(x)
            left -= count
        }
        val magnitude = Symbols.magnitudes[symbol] + extra
        out[o] = if (symbol % 2 == 1) -magnitude else magnitude
        return x
    }

    private fun malformed() = bytes.malformed("a lane of a statically coded stream is malformed")

    companion object {
        private const val WORD_BITS = 16
        private const val START = 1 shl WORD_BITS
        private const val SLOT = StaticTables.SLOTS - 1
        private const val MOST_LANE = 1L shl 14

        /** The maximum memory for the words of a lane, including the smaller array that a larger one replaces. */
        private const val MOST_WORDS_BYTES = 3 * (1L shl 17)

        /** Returns the memory needed to decode [block]: its tables, and the words and values of a lane. */
        fun workingBytes(block: Block): Long = StaticTables.workingBytes(block) + MOST_WORDS_BYTES +
            Int.SIZE_BYTES * minOf(MOST_LANE, block.count)
    }
}
