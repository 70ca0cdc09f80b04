package io.frz.internal.container

import io.frz.Coder
import io.frz.DType
import io.frz.ErrorCode
import io.frz.internal.Limits
import io.frz.internal.directory.Extents
import io.frz.internal.directory.Group
import io.frz.internal.directory.Lists
import io.frz.internal.directory.NameRange
import io.frz.internal.directory.Numbers
import io.frz.internal.saturatedSum

/**
 * Reads the map of one group in the directory and checks each field against the earlier ones. [GroupRules] checks the
 * group as a whole.
 */
internal class GroupParser(reader: MessageReader, private val known: Known) {
    private val fields = Fields(reader, "a group")
    private val allowance = known.allowance

    fun parse(index: Int): Group {
        val dtype = fields.required(GroupField.DTYPE).id("a dtype", DTYPES)
        val names = fields.optional(GroupField.NAMES)?.let { names(it) }
        val first = names?.first ?: known.factors.size
        val shapeReader = fields.required(GroupField.SHAPES)
        val elements = LongArray(count(shapeReader, names))
        val shapes = Lists.Builder(elements.size, allowance)
        for (i in elements.indices) {
            val shape = shapeReader.shape("a shape")
            elements[i] = shapeReader.elements(shape)
            shapes.add(shape)
        }
        val axes = AxesParser(fields, known).parse(shapes.build(), elements)
        val extents = ExtentsParser(fields, known).parse(axes, elements)
        val group = Group(index, dtype, names, first, elements, axes, extents, numbers(extents, elements))
        GroupRules(group, fields, known.factors).check()
        return group
    }

    /** Reads the front-coded names of the tensors. */
    private fun names(reader: MessageReader): NameRange {
        val count = reader.array("names")
        if (count == 0 || count % 2 != 0) {
            throw reader.fault(ErrorCode.DIRECTORY, "names are not pairs of a prefix length and a string")
        }
        known.count(count / 2, reader)
        return known.names.addAll(count / 2, reader)
    }

    /** Reads the number of tensors. */
    private fun count(reader: MessageReader, names: NameRange?): Int {
        val count = reader.array("shapes")
        if (count == 0) throw reader.fault(ErrorCode.DIRECTORY, "shapes are empty")
        if (names == null) {
            known.count(count, reader)
        } else if (names.size != count) {
            throw reader.fault(ErrorCode.DIRECTORY, "there are $count shapes for ${names.size} names")
        }
        allowance.take(Long.SIZE_BYTES * count.toLong())
        return count
    }

    private fun numbers(extents: Extents, elements: LongArray): Numbers {
        val format = fields.optional(GroupField.FORMAT)?.id("a number format", FORMATS)
        val steps = fields.optional(GroupField.STEPS)?.let { steps(it, elements.size) }
        val offsets = fields.optional(GroupField.OFFSETS)?.atLeastOne("offsets", Limits.OFFSETS)?.toInt() ?: 0
        val coder = fields.required(GroupField.CODER).id("a coder", CODERS)
        val sizes = sizes(extents.isTiered)
        val counts = counts(extents, elements, offsets, sizes.size)
        val isDelta = fields.optional(GroupField.DELTA)?.let { delta(it) } ?: false
        return Numbers(format, steps, offsets, coder, sizes, counts, isDelta)
    }

    private fun steps(reader: MessageReader, count: Int): IntArray {
        reader.array("steps", count)
        allowance.take(Int.SIZE_BYTES * count.toLong())
        return IntArray(count) {
            val code = reader.int("a step code")
            if (code !in Limits.STEP_MIN..Limits.STEP_MAX) {
                throw reader.fault(ErrorCode.LIMIT, "step code $code is not in ${Limits.STEP_MIN} … ${Limits.STEP_MAX}")
            }
            code.toInt()
        }
    }

    private fun delta(reader: MessageReader): Boolean {
        reader.atLeastOne("delta", 1)
        if (!known.isDelta) throw reader.fault(ErrorCode.DIRECTORY, "a file that is not a delta file has differences")
        return true
    }

    private fun sizes(isTiered: Boolean): LongArray {
        val reader = fields.required(GroupField.SIZES)
        val count = if (isTiered) known.tiers else 1
        reader.array("sizes", count)
        allowance.take(3L * Long.SIZE_BYTES * count)
        return LongArray(count) { reader.uint("a segment's size", Limits.SEGMENT_BYTES) }
    }

    /** Returns the number of values in each of [tiers] segments. */
    private fun counts(extents: Extents, elements: LongArray, offsets: Int, tiers: Int): LongArray {
        fun upTo(tier: Int) =
            elements.indices.fold(0L) { sum, i -> saturatedSum(sum, extents.values(i, tier, offsets)) }
        if (extents.perTier && extents.hasCorners) return LongArray(tiers, ::upTo)
        if (extents.perTier) return upTo(0).let { count -> LongArray(tiers) { count } }
        var before = 0L
        return LongArray(tiers) { tier -> upTo(tier).let { count -> (count - before).also { before = count } } }
    }

    private companion object {
        val DTYPES = DType.values().sortedBy { it.id }
        val NUMBER_FORMATS = setOf(DType.F16, DType.BF16, DType.F32)
        val FORMATS = DTYPES.map { dtype -> dtype.takeIf { it in NUMBER_FORMATS } }
        val CODERS = Coder.values().sortedBy { it.id }
    }
}
