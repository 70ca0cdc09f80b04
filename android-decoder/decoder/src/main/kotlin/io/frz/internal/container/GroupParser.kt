package io.frz.internal.container

import io.frz.Coder
import io.frz.Coding
import io.frz.DType
import io.frz.ErrorCode
import io.frz.NumberFormat
import io.frz.internal.Allowance
import io.frz.internal.Limits
import io.frz.internal.coder.rangeFormat
import io.frz.internal.saturatedProduct

/** Reads one group map of the directory, and holds what it says against the shapes of its tensors. */
internal class GroupParser(
    reader: MessageReader,
    private val taken: Names,
    private val tiers: Int,
    private val allowance: Allowance
) {
    private val fields = Fields(reader, "a group")
    private val coding = id(CODING, "a coding", Coding.values()) { it.id }
    private val isDct = coding == Coding.DCT

    fun parse(index: Int): Group {
        val dtype = dtype()
        val names = taken.addAll(fields.required(NAMES, "names"))
        val shapeReader = fields.required(SHAPES, "shapes")
        shapeReader.array("shapes", names.size)
        allowance.take(Long.SIZE_BYTES * names.size.toLong())
        val elements = LongArray(names.size)
        val shapes = Shapes.Builder(names.size, allowance)
        for (i in elements.indices) {
            shapes.add(shape(shapeReader, "a shape").also { elements[i] = count(it, shapeReader) })
        }
        val coder = coder(dtype)
        val format = if (isDct) id(FORMAT, "a number format", NumberFormat.values()) { it.id } else null
        val group = Group(
            index = index,
            coding = coding,
            dtype = dtype,
            coder = coder,
            names = names,
            shapes = shapes.build(),
            elements = elements,
            sizes = sizes(),
            format = format,
            kept = if (isDct) kept(elements) else null,
            steps = if (format != null && format.isInteger) steps(names.size) else null,
            views = if (isDct) fields.optional(VIEWS)?.let { views(it, elements) } else null
        )
        refuseMisplaced(group)
        checkSizes(group)
        return group
    }

    private fun <T> id(key: Int, what: String, known: Array<T>, idOf: (T) -> Int): T {
        val reader = fields.required(key, what)
        val position = reader.position
        val id = reader.uint(what)
        return known.firstOrNull { idOf(it).toLong() == id } ?: throw reader.at(position)
            .fault(ErrorCode.UNSUPPORTED, "$what has the unknown id $id; use a newer decoder")
    }

    private fun dtype(): DType {
        val dtype = id(DTYPE, "a dtype", DType.values()) { it.id }
        if (isDct && dtype !in DCT_DTYPES) {
            throw fields.required(DTYPE, "a dtype").fault(ErrorCode.DIRECTORY, "a dct group is of dtype ${dtype.label}")
        }
        return dtype
    }

    private fun coder(dtype: DType): Coder {
        val coder = id(CODER, "a coder", Coder.values()) { it.id }
        if (coder.isRange && !isDct && rangeFormat(dtype) == null) {
            throw fields.required(CODER, "a coder")
                .fault(ErrorCode.DIRECTORY, "the range coder does not take ${dtype.label}")
        }
        return coder
    }

    private fun shape(reader: MessageReader, what: String): LongArray {
        val rank = reader.array(what)
        if (rank > Limits.RANK) throw reader.fault(ErrorCode.LIMIT, "$what has $rank axes, more than ${Limits.RANK}")
        return LongArray(rank) { reader.uint("an axis length", Limits.AXIS) }
    }

    private fun count(shape: LongArray, reader: MessageReader): Long {
        if (0L in shape) return 0
        return shape.fold(1L) { product, axis ->
            if (product > Limits.ELEMENTS / axis) throw reader.fault(ErrorCode.LIMIT, "a tensor has too many elements")
            product * axis
        }
    }

    private fun sizes(): LongArray {
        val reader = fields.required(SIZES, "sizes")
        val count = if (isDct) tiers else 1
        reader.array("sizes", count)
        allowance.take(2L * Long.SIZE_BYTES * count)
        return LongArray(count) { reader.uint("a segment's size", Limits.SEGMENT_BYTES) }
    }

    private fun kept(elements: LongArray): Kept {
        val reader = fields.required(KEPT, "kept")
        reader.array("kept", tiers)
        var last: IntArray? = null
        return Kept(
            Array(tiers) {
                reader.array("kept of a tier", elements.size)
                allowance.take(KEPT_BYTES + Int.SIZE_BYTES * elements.size.toLong())
                IntArray(elements.size) { i -> kept(reader, elements[i], last?.get(i) ?: 0) }.also { last = it }
            }
        )
    }

    private fun kept(reader: MessageReader, elements: Long, before: Int): Int {
        val k = reader.uint("a kept count", Limits.KEPT).toInt()
        if (k < before) throw reader.fault(ErrorCode.SHAPE, "a tier keeps fewer coefficients than that before")
        if (k > elements) throw reader.fault(ErrorCode.SHAPE, "$k kept coefficients of $elements")
        return k
    }

    private fun steps(count: Int): IntArray {
        val reader = fields.required(STEPS, "steps")
        reader.array("steps", count)
        allowance.take(Int.SIZE_BYTES * count.toLong())
        return IntArray(count) {
            val code = reader.int("a step code")
            if (code !in Limits.STEP_MIN..Limits.STEP_MAX) {
                throw reader.fault(ErrorCode.LIMIT, "step code $code is out of ${Limits.STEP_MIN} … ${Limits.STEP_MAX}")
            }
            code.toInt()
        }
    }

    private fun views(reader: MessageReader, elements: LongArray): Shapes {
        reader.array("views", elements.size)
        val views = Shapes.Builder(elements.size, allowance)
        for (count in elements) {
            if (reader.isNil()) {
                reader.skip()
                views.add(null)
            } else {
                views.add(view(reader, count))
            }
        }
        return views.build()
    }

    private fun view(reader: MessageReader, elements: Long): LongArray {
        val view = shape(reader, "a view")
        if (count(view, reader) != elements) {
            throw reader.fault(ErrorCode.SHAPE, "a view has another number of elements than its tensor, $elements")
        }
        return view
    }

    private fun refuseMisplaced(group: Group) {
        if (group.steps == null) fields.absent(STEPS, "steps")
        if (isDct) return
        fields.absent(FORMAT, "a number format")
        fields.absent(KEPT, "kept")
        fields.absent(VIEWS, "views")
    }

    private fun checkSizes(group: Group) {
        val reader = fields.required(SIZES, "sizes")
        group.sizes.forEachIndexed { tier, size ->
            val values = group.values(tier)
            if (values == 0L && size != 0L) {
                throw reader.fault(ErrorCode.DIRECTORY, "a segment of $size bytes has no values")
            }
            if (group.coder == Coder.NONE && size != saturatedProduct(values, group.valueBytes.toLong())) {
                throw reader.fault(ErrorCode.DIRECTORY, "$values values that are not coded are not $size bytes")
            }
            if (group.coder.isRange && values > Limits.rangeValues(size)) {
                throw reader.fault(ErrorCode.LIMIT, "a segment of $size bytes claims $values values")
            }
        }
    }

    private companion object {
        const val CODING = 0
        const val DTYPE = 1
        const val NAMES = 2
        const val SHAPES = 3
        const val CODER = 4
        const val SIZES = 5
        const val FORMAT = 6
        const val KEPT = 7
        const val STEPS = 8
        const val VIEWS = 9

        /** What a tier takes, beside its counts. */
        const val KEPT_BYTES = 32L
        val DCT_DTYPES = setOf(DType.F16, DType.BF16, DType.F32, DType.F64)
    }
}

private val Coder.isRange: Boolean get() = this == Coder.RANGE || this == Coder.RANGE_CONTEXT
