package io.frz.internal

import io.frz.Coding
import io.frz.TensorInfo

/**
 * The tensors of a model as one tier has them: each in itself, or in a row of another tensor of the file; section 4.1
 * of the specification.
 */
internal class Model(stored: List<TensorInfo>, tiers: Int, private val tier: Int) {
    /** Of raw tensors that smaller tiers have otherwise, by name, the tensor whose rows are theirs. */
    val rows: Map<String, TensorInfo> = if (tiers > 1) rows(stored, tiers - 1L) else emptyMap()

    /** All tensors but those of rows, in the order of the file. */
    val tensors: List<TensorInfo> = if (rows.isEmpty()) stored else stored - rows.values.toSet()

    private val standIns = if (tier < tiers - 1) rows else emptyMap()
    private val held by lazy { tensors.associateBy { source(it) } }

    /** The tensor of the file in which the tier has [tensor]. */
    fun source(tensor: TensorInfo): TensorInfo = standIns[tensor.name] ?: tensor

    /** The byte of its [source] at which the tier's [tensor] begins. */
    fun start(tensor: TensorInfo): Long = if (tensor.name in standIns) tier * tensor.bytes else 0

    /** The tensor of the model that the tier has in [stored], or null if it has none there. */
    fun heldBy(stored: TensorInfo): TensorInfo? = held[stored]

    private companion object {
        const val OF_TIERS = "@tiers"

        fun rows(stored: List<TensorInfo>, count: Long): Map<String, TensorInfo> {
            val raw = stored.filter { it.coding == Coding.RAW }.associateBy { it.name }
            val rows = LinkedHashMap<String, TensorInfo>()
            for (tensor in raw.values) {
                val candidate = raw[tensor.name + OF_TIERS]?.takeIf { it.dtype == tensor.dtype } ?: continue
                if (candidate.shape.contentEquals(longArrayOf(count) + tensor.shape)) rows[tensor.name] = candidate
            }
            return rows
        }
    }
}
