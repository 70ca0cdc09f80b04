package io.frz.template.internal

/** An array that is not one of the file's tensors, apart from a scale. All implementations compute the same bits. */
internal interface Computed {
    /** The number of elements. */
    val elements: Long

    /** The number of products that [compute] adds up. */
    val terms: Long

    /** The number of 64-bit floats that are in memory during [compute]. */
    val working: Long

    /** The number of elements of the bases from which the array is computed. */
    val tables: Long

    /** The number of elements and products that [compute] computes; see `spec/template.md`, section 5. */
    val steps: Long get() = Math.addExact(Math.addExact(elements, tables), terms)

    /**
     * Returns the elements. This function calls [check] every few milliseconds, which can cancel it by an exception.
     *
     * @param coefficients the coefficients of the tensor from which the array is computed, if there is one
     */
    fun compute(coefficients: Elements?, check: () -> Unit): FloatArray
}

/** The joint basis of [axes]. */
internal class Basis(private val axes: Axes) : Computed {
    override val elements: Long get() = axes.elements
    override val terms: Long get() = 0
    override val tables: Long get() = 0
    override val working: Long get() = Math.multiplyExact(elements, 3L)

    override fun compute(coefficients: Elements?, check: () -> Unit): FloatArray = rounded(axes.basis(check), check)
}

/** Rows of the basis of [left] from [start] on, transposed, times the basis of [right]. */
internal class Product(private val left: Axes, private val start: Long, private val right: Axes) : Computed {
    override val elements: Long = Math.multiplyExact(left.columns, right.columns)
    override val terms: Long = Math.multiplyExact(elements, right.rows)
    override val tables: Long = Math.addExact(left.elements, right.elements)
    override val working: Long = Math.addExact(Math.multiplyExact(elements, 2L), Math.multiplyExact(tables, 3L))

    init {
        require(Math.addExact(start, right.rows) <= left.rows) { "a product in its map has too few rows" }
    }

    override fun compute(coefficients: Elements?, check: () -> Unit): FloatArray {
        val a = left.basis(check)
        val b = right.basis(check)
        val p = left.columns.toInt()
        val q = right.columns.toInt()
        val first = start.toInt()
        val total = DoubleArray(elements.toInt())
        for (i in 0 until right.rows.toInt()) {
            for (j in total.indices) {
                if (j % FEW == 0) check()
                val product = a[(first + i) * p + j / q] * b[i * q + j % q]
                total[j] = if (i == 0) product else total[j] + product
            }
        }
        return rounded(total, check)
    }
}

/**
 * The coefficients of the spectrum of [tensor] in their [box], multiplied by the basis of the axes [expanded].
 *
 * @property kept the number of coefficients
 * @property lengths the shape of the spectrum
 */
internal class Core(
    private val tensor: String,
    private val kept: Long,
    private val lengths: LongArray,
    val box: LongArray,
    private val expanded: List<Int>
) : Computed {
    override val elements: Long
    override val terms: Long
    override val tables: Long
    override val working: Long

    init {
        require(box.size == lengths.size && box.indices.all { box[it] in 1..lengths[it] }) {
            "the box ${box.asList()} of $tensor does not suit its coefficients"
        }
        require(expanded == expanded.toSortedSet().toList()) { "the axes $expanded of $tensor cannot be expanded" }
        val shape = box.clone()
        var products = 0L
        var numbers = 0L
        for (axis in expanded.asReversed()) {
            shape[axis] = lengths[axis]
            products = Math.addExact(products, Math.multiplyExact(shape.fold(1L, Math::multiplyExact), box[axis]))
            numbers = Math.addExact(numbers, Math.multiplyExact(lengths[axis], box[axis]))
        }
        elements = shape.fold(1L, Math::multiplyExact)
        terms = products
        tables = numbers
        working = Math.addExact(Math.multiplyExact(elements, 3L), tables)
    }

    override fun compute(coefficients: Elements?, check: () -> Unit): FloatArray {
        val shape = IntArray(box.size) { box[it].toInt() }
        var data = DoubleArray(shape.fold(1, Math::multiplyExact))
        val places = Zigzag.places(lengths, shape, kept.toInt(), check)
        for (i in places.indices) data[places[i]] = coefficients!!.float(i).toDouble()
        for (axis in expanded.asReversed()) data = multiplied(data, shape, axis, check)
        return rounded(data, check).also { core ->
            if (core.any { it.isNaN() || it.isInfinite() }) {
                throw mismatch("the coefficients of $tensor yield a core that does not fit into f32")
            }
        }
    }

    /** Multiplies [data] of [shape] by the basis of [axis], and sets the length of the axis in [shape]. */
    private fun multiplied(data: DoubleArray, shape: IntArray, axis: Int, check: () -> Unit): DoubleArray {
        val r = shape[axis]
        val n = lengths[axis].toInt()
        val basis = Cosines.basis(n, r, check)
        val before = shape.take(axis).fold(1, Math::multiplyExact)
        val after = shape.drop(axis + 1).fold(1, Math::multiplyExact)
        val out = DoubleArray(Math.multiplyExact(before * n, after))
        for (line in 0 until before * n) {
            val row = line % n * r
            val source = line / n * r
            for (j in 0 until after) {
                if (j % FEW == 0) check()
                var total = basis[row] * data[source * after + j]
                for (i in 1 until r) total += basis[row + i] * data[(source + i) * after + j]
                out[line * after + j] = total
            }
        }
        shape[axis] = n
        return out
    }
}

private fun rounded(exact: DoubleArray, check: () -> Unit) = FloatArray(exact.size) {
    if (it % MANY == 0) check()
    exact[it].toFloat()
}

/** The number of sums to compute before asking whether loading has been cancelled. */
private const val FEW = 1 shl 8

/** The number of elements to compute before asking whether loading has been cancelled. */
internal const val MANY = 1 shl 16
