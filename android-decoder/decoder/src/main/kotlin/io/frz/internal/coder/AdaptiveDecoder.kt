package io.frz.internal.coder

import io.frz.internal.Budget

/**
 * Decodes the integers of [bytes] with the adaptive coder and updates the models: one for core entries and, if there
 * are step offsets, another for those; see section 10.4 of the specification.
 */
internal class AdaptiveDecoder(
    private val bytes: SegmentPart,
    private val ofEntries: AdaptiveModel,
    private val ofOffsets: AdaptiveModel? = null
) : IntegerDecoder {
    private val bits: BitDecoder

    init {
        ofEntries.start(bytes)
        ofOffsets?.start(bytes)
        bits = BitDecoder(bytes)
    }

    private var model = ofEntries
    private var block = Block.line(0)
    private var channels = Terms(0)
    private var positions = Terms(0)
    private var channel = 0
    private var position = 0
    private var column = 0
    private val rows = Terms(1)
    private var over = ShortArray(0)

    private var around = 0
    private var v1 = 0
    private var v2 = 0
    private var v3 = 0

    override fun start(block: Block) {
        this.block = block
        model = if (block.areOffsets) checkNotNull(ofOffsets) else ofEntries
        if (block.rows > 1 || block.channels > 1) Budget.requireArray(block.columns, "columns of a tensor", null)
        channels = Terms(if (block.hasChannels) block.channels.toInt() else 0)
        positions = Terms(if (block.hasPositions) block.positions.toInt() else 0)
        over = ShortArray(if (block.rows > 1) block.columns.toInt() else 0)
        startRow()
    }

    private fun startRow() {
        channel = 0
        position = 0
        column = 0
        rows.reset()
        around = 0
        v1 = 0
        v2 = 0
        v3 = 0
    }

    override fun read(target: IntArray, from: Int, count: Int) {
        if (block.rows == 1L && block.channels == 1L) {
            for (i in from until from + count) target[i] = value()
        } else {
            readColumns(target, from, count)
        }
    }

    private fun readColumns(target: IntArray, from: Int, count: Int) {
        val columns = block.columns.toInt()
        val positions = block.positions.toInt()
        for (i in from until from + count) {
            if (column == columns) startRow()
            target[i] = value()
            column++
            if (++position == positions) {
                position = 0
                channel++
            }
        }
    }

    private fun value(): Int {
        val model = model
        val taps = model.taps
        val v4 = if (over.isEmpty()) 0 else over[column].toInt()
        val terms = model.base + rows.value(0) + channels.value(channel) + positions.value(position)
        val e = terms + (model.weight.toLong() * around shr 12)
        val scale = ((e shr Scales.FRACTION_BITS) + Scales.ORIGIN).coerceIn(0L, Scales.LAST.toLong()).toInt()
        val sum = taps[0].toLong() * v1 + taps[1].toLong() * v2 + taps[2].toLong() * v3 + taps[3].toLong() * v4
        val guess = (sum shr 16).toInt()
        val value = decode(scale shr 1, guess)
        learn(value, scale, guess, v4)
        return value
    }

    private fun decode(zone: Int, guess: Int): Int {
        // The number of thresholds (512, 1024, 2048 and 4096) that the guess reaches.
        val bitLength = Int.SIZE_BITS - Integer.numberOfLeadingZeros(Math.abs(guess) ushr 9)
        val level = minOf(bitLength, AdaptiveModel.LEVELS - 1)
        val sure = level shr 1
        if (bits.bit(model.zero, zone * AdaptiveModel.SURENESSES + sure) == 0) return 0
        val differs = bits.bit(model.sign, level)
        val isNegative = (differs == 1) != (guess < 0)
        val magnitude = magnitude(zone, if (differs == 1) 2 + sure else 2 - sure)
        return if (isNegative) -magnitude else magnitude
    }

    /**
     * Decodes a magnitude of at least 1 in three parts: its number of bits, the bit below the leading one, and the
     * remaining bits.
     */
    private fun magnitude(zone: Int, agreement: Int): Int {
        val longer = (zone * AdaptiveModel.AGREEMENTS + agreement) * AdaptiveModel.LENGTHS
        var more = 0
        while (more < AdaptiveModel.LENGTHS && bits.bit(model.longer, longer + more) == 1) more++
        if (more == 0) return 1
        var magnitude = 2 or bits.bit(model.top, zone * AdaptiveModel.LENGTHS + more - 1)
        repeat(more - 1) { magnitude = magnitude shl 1 or bits.direct() }
        return magnitude
    }

    private fun learn(value: Int, scale: Int, guess: Int, v4: Int) {
        val model = model
        val magnitude = minOf(Math.abs(value), LARGEST)
        var residual = minOf((magnitude + 1) * Scales.gains[scale] shr 20, MOST_RESIDUAL).toInt() - ONE
        if (scale == Scales.LAST) residual = minOf(residual, 0)
        val worth = Scales.worths[scale]
        rows.learn(0, residual, worth)
        channels.learn(channel, residual, worth)
        positions.learn(position, residual, worth)
        model.weight = adjusted(model.weight, residual * around.toLong(), 16)

        val ratio = minOf(magnitude * Scales.ratios[scale] shr 20, MOST_VALUE).toInt()
        val v = if (value < 0) -ratio else ratio
        val miss = (v - guess).coerceIn(-MOST_VALUE.toInt(), MOST_VALUE.toInt()).toLong()
        val taps = model.taps
        taps[0] = adjusted(taps[0], miss * v1, 17)
        taps[1] = adjusted(taps[1], miss * v2, 17)
        taps[2] = adjusted(taps[2], miss * v3, 17)
        taps[3] = adjusted(taps[3], miss * v4, 17)
        around += residual - around shr 2
        v3 = v2
        v2 = v1
        v1 = v
        if (over.isNotEmpty()) over[column] = v.toShort()
    }

    private fun adjusted(weight: Int, product: Long, shift: Int): Int =
        (weight + (product + (1L shl shift - 1) shr shift)).coerceIn(-MOST_WEIGHT, MOST_WEIGHT).toInt()

    override fun finish(): Unit = bits.finish()

    /**
     * Learned terms, which are added to obtain the scale of a value: one for each of [size] rows, channels or
     * positions.
     */
    private class Terms(size: Int) {
        private val values = IntArray(size)
        private val evidence = IntArray(size).also { it.fill(FIRST_EVIDENCE) }

        fun value(at: Int): Int = if (values.isEmpty()) 0 else values[at]

        fun learn(at: Int, residual: Int, worth: Int) {
            if (values.isEmpty()) return
            val share = SHARES[evidence[at] shr 12]
            values[at] = (values[at] + (residual.toLong() * share + 512 shr 10)).coerceIn(-MOST_TERM, MOST_TERM).toInt()
            evidence[at] = minOf(evidence[at] + worth, MOST_EVIDENCE)
        }

        fun reset() {
            values.fill(0)
            evidence.fill(FIRST_EVIDENCE)
        }
    }

    companion object {
        /** The number 1 in units of 1/4096, the unit of mean magnitudes. */
        private const val ONE = 4096
        private const val LARGEST = 1 shl 22
        private const val MOST_RESIDUAL = 4L * ONE
        private const val MOST_VALUE = 3L * ONE
        private const val MOST_WEIGHT = 1L shl 20
        private const val MOST_TERM = 1L shl 22
        private const val FIRST_EVIDENCE = 6 * ONE
        private const val MOST_EVIDENCE = 511 * ONE
        private val SHARES = IntArray(512) { if (it == 0) 0 else 65536 / it }

        /** Returns the memory needed to decode [block], excluding the models. */
        fun workingBytes(block: Block): Long {
            val terms = (if (block.hasChannels) block.channels else 0) + if (block.hasPositions) block.positions else 0
            val over = if (block.rows > 1) block.columns else 0
            return 2L * Int.SIZE_BYTES * terms + Short.SIZE_BYTES * over
        }
    }
}
