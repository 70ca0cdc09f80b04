package io.frz.internal.container

import io.frz.BasisKind
import io.frz.DType
import io.frz.ErrorCode
import io.frz.internal.Limits
import io.frz.internal.bases.Bases
import io.frz.internal.coder.Coders
import io.frz.internal.directory.Extents
import io.frz.internal.directory.Factors
import io.frz.internal.directory.Group
import io.frz.internal.directory.Lists
import io.frz.internal.saturatedProduct
import io.frz.internal.saturatedSum

/** The rules that apply to a group as a whole. They are checked after all of its [fields] have been read. */
internal class GroupRules(private val group: Group, private val fields: Fields, private val factors: Factors) {
    private val axes = group.axes
    private val extents = group.extents
    private val numbers = group.numbers
    private val kinds = axes.kinds.map { Bases.of(it) }

    fun check() {
        checkFields()
        checkDType()
        checkDelta()
        if (group.isFactors) checkFactors()
        checkCorners()
        if (axes.factors != null) checkUse(axes.factors)
        checkCount()
        checkCoder()
        checkSizes()
    }

    private fun checkFields() {
        if (BasisKind.STORED in axes.kinds != (axes.factors != null)) {
            throw misplaced(GroupField.FACTORS, "the factors do not match the bases")
        }
        if (BasisKind.SEEDED in axes.kinds != (axes.seeds != null)) {
            throw misplaced(GroupField.SEEDS, "the seeds do not match the bases")
        }
        checkWays()
        if (numbers.isStepped && numbers.format != null) {
            throw misplaced(GroupField.STEPS, "a group has both steps and a number format")
        }
        if (numbers.offsets != 0 && (!numbers.isStepped || extents.kept != null)) {
            throw misplaced(GroupField.OFFSETS, "offsets require steps, and cannot be combined with kept")
        }
    }

    private fun checkWays() {
        if (extents.kept == null) return
        if (extents.hasCorners || extents.perTier) {
            throw misplaced(GroupField.KEPT, "a group has kept, which excludes corners and per_tier")
        }
        if (kinds.any { !it.hasZigzag }) {
            throw misplaced(GroupField.KEPT, "cores of ${axes.kinds.map { it.label }} have no zigzag order")
        }
    }

    private fun checkDType() {
        val isPlain = axes.kinds.all { it == BasisKind.IDENTITY }
        val isExact = numbers.areElements
        val allowed = when {
            isPlain && isExact -> return
            isExact -> CORE_DTYPES
            else -> REAL_DTYPES
        }
        if (group.dtype !in allowed) {
            throw misplaced(GroupField.DTYPE, "${group.dtype.label} tensors cannot be computed from such cores")
        }
    }

    private fun checkDelta() {
        if (!numbers.isDelta) return
        if (group.isFactors || group.valueType.bytes > Limits.DIFFERING_BYTES) {
            throw misplaced(GroupField.DELTA, "factors or ${group.valueType.label} values cannot be differences")
        }
    }

    private fun checkFactors() {
        for (field in listOf(GroupField.VIEWS, GroupField.BASES, GroupField.KEPT)) {
            if (fields.optional(field) != null) throw misplaced(field, "factors cannot have views, bases or kept")
        }
        val shapes = axes.shapes
        if (group.dtype != DType.F32 || (0 until shapes.size).any { shapes.length(it) != 2 }) {
            throw misplaced(GroupField.SHAPES, "a factor is not an f32 matrix")
        }
        for (i in 0 until shapes.size) {
            for (tier in tiersOf(extents)) {
                if (extents.corner(i, tier, 1) != shapes.number(i, 1)) {
                    throw fields.fault(GroupField.CORNERS, ErrorCode.SHAPE, "a factor's corner lacks some columns")
                }
            }
        }
    }

    /**
     * Checks the length of each axis against the limit for its basis if each core is the whole view. Corners were
     * checked as they were read.
     */
    private fun checkCorners() {
        if (extents.hasCorners || kinds.all { it.most >= Limits.AXIS }) return
        val views = axes.views
        for (i in 0 until views.size) {
            for (j in 0 until views.length(i)) {
                val most = Bases.of(axes.kind(j)).most
                if (views.number(i, j) > most) {
                    val label = axes.kind(j).label
                    throw fields.fault(GroupField.SHAPES, ErrorCode.LIMIT, "a $label axis has more than $most entries")
                }
            }
        }
    }

    /** Checks that factors are as long as their axes, and have enough rows for the core in every tier. */
    private fun checkUse(used: Lists) {
        for (i in 0 until used.size) {
            var next = 0
            for (j in 0 until axes.views.length(i)) {
                if (axes.kind(j) == BasisKind.STORED) checkUse(i, j, used.number(i, next++).toInt())
            }
        }
    }

    private fun checkUse(i: Int, j: Int, number: Int) {
        val factor = factors.group(number)
        val index = number - factor.first
        if (factor.axes.shapes.number(index, 1) != axes.views.number(i, j)) {
            throw fields.fault(GroupField.FACTORS, ErrorCode.SHAPE, "factor $number does not have its axis's length")
        }
        for (tier in tiersOf(extents)) {
            if (extents.corner(i, tier, j) > factor.extents.corner(index, tier, 0)) {
                throw fields.fault(GroupField.FACTORS, ErrorCode.SHAPE, "factor $number has too few rows in tier $tier")
            }
        }
    }

    /**
     * Returns the tiers in which sizes must be compared. Without corners, comparing the first tier is sufficient,
     * because sizes never shrink from tier to tier.
     */
    private fun tiersOf(extents: Extents): IntRange = if (extents.hasCorners) numbers.sizes.indices else 0..0

    private fun checkCount() {
        if (numbers.counts.fold(0L, ::saturatedSum) > Limits.GROUP_VALUES) {
            throw fields.fault(GroupField.SHAPES, ErrorCode.LIMIT, "a group has over ${Limits.GROUP_VALUES} values")
        }
    }

    private fun checkCoder() {
        if (!Coders.of(numbers.coder).takes(group.valueType, numbers.areIntegers)) {
            val values = if (numbers.areIntegers) "integers" else group.valueType.label
            throw misplaced(GroupField.CODER, "coder ${numbers.coder.label} does not support $values")
        }
    }

    private fun checkSizes() {
        val coder = Coders.of(numbers.coder)
        numbers.sizes.forEachIndexed { tier, size ->
            val count = numbers.counts[tier]
            if (count == 0L && size != 0L) {
                throw misplaced(GroupField.SIZES, "a segment of $size bytes has no values")
            }
            val uncoded = saturatedProduct(count, group.valueType.bytes.toLong())
            if (!coder.isCompressed && size != uncoded) {
                throw misplaced(GroupField.SIZES, "$count uncoded values do not take $size bytes")
            }
            if (count > coder.mostValues(size)) {
                throw fields.fault(GroupField.SIZES, ErrorCode.LIMIT, "a segment of $size bytes claims $count values")
            }
        }
    }

    private fun misplaced(field: Field, problem: String) = fields.fault(field, ErrorCode.DIRECTORY, problem)

    private companion object {
        val CORE_DTYPES = setOf(DType.F16, DType.BF16, DType.F32)
        val REAL_DTYPES = CORE_DTYPES + DType.F64
    }
}
