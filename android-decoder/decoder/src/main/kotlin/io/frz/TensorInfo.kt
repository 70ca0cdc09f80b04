package io.frz

import io.frz.internal.container.Group
import io.frz.internal.dct.Box
import java.util.Collections

/** What a file says about one tensor; known without decoding it. */
public class TensorInfo internal constructor(
    internal val record: Group,
    internal val index: Int,
    private val tier: Int
) {
    /** The tensor's name, unique in the file. */
    public val name: String get() = record.names[index]

    /** The type of its elements. */
    public val dtype: DType get() = record.dtype

    /** Its axis lengths, none for a scalar. Each call gives a new array. */
    public val shape: LongArray get() = record.shape(index)

    /** How many elements it has. */
    public val elements: Long get() = record.elements[index]

    /** How many bytes it takes when rebuilt. */
    public val bytes: Long get() = elements * dtype.bytes

    /** How it is stored. */
    public val coding: Coding get() = record.coding

    /** How the bytes of its group are compressed. */
    public val coder: Coder get() = record.coder

    /** How its coefficients are written; null unless [coding] is [Coding.DCT]. */
    public val format: NumberFormat? get() = record.format

    /** The step that its integer coefficients are multiples of, or null. */
    public val step: Double? get() = record.steps?.let { io.frz.internal.coding.stepSize(it[index]) }

    /** The shape in which its spectrum is taken, or null if that is [shape]. Each call gives a new array. */
    public val view: LongArray? get() = record.view(index)

    /** How many coefficients the opened tier holds; 0 unless [coding] is [Coding.DCT]. */
    public val kept: Int get() = record.kept(tier, index)

    /** How many coefficients each tier of the file holds together with those before it; empty unless they are `dct`. */
    public val keptByTier: List<Int>
        get() = Collections.unmodifiableList(List(record.kept?.tiers ?: 0) { record.kept(it, index) })

    /** The corner of the spectrum that contains the kept coefficients, or null. Each call gives a new array. */
    public val box: LongArray?
        get() = if (coding == Coding.DCT) Box(record.spectrumShape(index)).of(kept) else null

    /** The position in [FrzFile.groups] of the group it is stored in. */
    public val group: Int get() = record.index

    override fun toString(): String = "$name ${dtype.label} ${shape.joinToString(",", "(", ")")}"
}

/** Tensors that are stored together: one stream of bytes for each tier. */
public class GroupInfo internal constructor(internal val record: Group, public val tensors: List<TensorInfo>) {
    /** How its tensors are stored. */
    public val coding: Coding get() = record.coding

    /** How its bytes are compressed. */
    public val coder: Coder get() = record.coder

    /** The stored bytes of each tier, without checksums. */
    public val sizes: List<Long> get() = Collections.unmodifiableList(record.sizes.asList())

    /** The stored bytes of all tiers, without checksums. */
    public val storedBytes: Long get() = record.sizes.sum()
}
