package io.frz.template.internal

/**
 * A batch normalization in evaluation mode: multiplies each channel by a scale and adds a shift.
 *
 * @property eps the number that is added to the variance
 * @property variance the name of the tensor of variances; all tensors of a normalization have the shape (channels,)
 * @property weight the name of the tensor of factors, or null if they are 1
 * @property bias the name of the tensor of summands, or null if they are 0
 */
internal class Normalization(
    val eps: Double,
    val variance: String,
    val mean: String,
    val weight: String?,
    val bias: String?
) {
    /** The names of all its tensors. */
    val tensors: List<String> get() = listOfNotNull(variance, mean, weight, bias)
}

/** The ways in which an array of a template is computed from tensors. */
internal enum class Kind {
    /** The tensor, unchanged. */
    PLAIN,

    /** The tensor times the scale of a normalization along an axis, or that scale if there is no tensor. */
    SCALED,

    /** The bias of a layer, merged with the normalization that follows the layer. */
    SHIFTED,

    /** The coefficients of a spectrum in their box, multiplied by the basis of some axes. */
    CORE,

    /** The joint DCT-II basis of some axes. */
    BASIS,

    /** The product of two bases. */
    PRODUCT
}

/**
 * An array that is computed from [tensor], if there is one.
 *
 * @property normalization for [Kind.SCALED] and [Kind.SHIFTED], the normalization to merge
 * @property inner for [Kind.SCALED], the number of consecutive elements of one channel
 * @property computed for [Kind.CORE], [Kind.BASIS] and [Kind.PRODUCT], the computation
 */
internal class Value(
    val kind: Kind,
    val tensor: String?,
    val normalization: Normalization?,
    val inner: Long = 1,
    val computed: Computed? = null
)

/**
 * A tensor that an `.frz` file must contain.
 *
 * @property shape its shape, or (k,) if its k coefficients are required
 * @property form the form of the coefficients (see [io.frz.TensorInfo.form]), or null for the tensor itself
 */
internal class Wanted(val shape: LongArray, val form: LongArray?)

/**
 * The place of elements of [value] in the filled file. Nested loops, listed from the outermost, visit the elements in
 * order.
 *
 * @property offset the offset of the first element in the file, in bytes
 * @property start the index of the first element in the value
 * @property counts the number of steps of each loop
 * @property strides the distance between consecutive steps of each loop, in elements
 */
internal class Place(
    val offset: Long,
    val value: Value,
    val start: Long,
    val counts: LongArray,
    val strides: LongArray
) {
    /** The number of elements. */
    val elements: Long = counts.fold(1L) { product, count -> Math.multiplyExact(product, count) }

    /** The offset of the byte after the last element. */
    val end: Long = Math.addExact(offset, Math.multiplyExact(elements, BYTES))

    companion object {
        /** The size of an element, a little-endian 32-bit float. */
        const val BYTES = 4L
    }
}

/** The position of a digest in the filled file: the SHA-256 of the bytes of [place], as 64 hexadecimal digits. */
internal class Digest(val offset: Long, val place: Place) {
    /** The offset of the byte after the last digit. */
    val end: Long get() = offset + DIGITS

    companion object {
        /** The number of digits. */
        const val DIGITS = 64L
    }
}

/**
 * The map of a template; see `spec/template.md`.
 *
 * @property runtime the runtime that reads the filled file
 * @property size the size of the filled file in bytes
 * @property tensors the required tensors by name
 * @property ties additional names of tensors, mapped to their names in [tensors]
 * @property unused names of tensors of the network that the template does not require
 */
internal class Layout(
    val runtime: String,
    val size: Long,
    val tensors: Map<String, Wanted>,
    val normalizations: List<Normalization>,
    val values: List<Value>,
    val places: List<Place>,
    val digests: List<Digest>,
    val ties: Map<String, String>,
    val unused: Set<String>
) {
    /** The offsets at which places and digests start and end, in order. */
    val holes: List<Pair<Long, Long>> =
        (places.map { it.offset to it.end } + digests.map { it.offset to it.end }).sortedBy { it.first }
}
