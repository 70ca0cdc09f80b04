package io.frz.internal

import io.frz.Coding
import io.frz.TensorInfo
import io.frz.internal.container.Directory

/**
 * The tensors of a model as one tier has them: each in itself, or in a row of another tensor of the file; section 4.1
 * of the specification.
 *
 * @param stored all tensors of the file, by their numbers
 */
internal class Model(stored: List<TensorInfo>, directory: Directory, private val tier: Int) {
    /** Of raw tensors that smaller tiers have otherwise, in the order of the file, the tensor whose rows are theirs. */
    val rows: Map<TensorInfo, TensorInfo> = if (directory.tiers > 1) rows(stored, directory) else emptyMap()

    /** All tensors but those of rows, in the order of the file. */
    val tensors: List<TensorInfo>

    private val standIns = if (tier < directory.tiers - 1) rows else emptyMap()
    private val owners = HashMap<TensorInfo, TensorInfo>()

    init {
        for ((tensor, ofRows) in rows) owners[ofRows] = tensor
        tensors = if (rows.isEmpty()) stored else stored.filter { it !in owners }
    }

    /** The tensor of the file in which the tier has [tensor]. */
    fun source(tensor: TensorInfo): TensorInfo = standIns[tensor] ?: tensor

    /** The byte of its [source] at which the tier's [tensor] begins. */
    fun start(tensor: TensorInfo): Long = if (tensor in standIns) tier * tensor.bytes else 0

    /** The tensor of the model that the tier has in [stored], or null if it has none there. */
    fun heldBy(stored: TensorInfo): TensorInfo? {
        val owner = owners[stored] ?: return stored.takeIf { it !in standIns }
        return owner.takeIf { it in standIns && it !in owners }
    }

    private companion object {
        const val OF_TIERS = "@tiers"

        fun rows(stored: List<TensorInfo>, directory: Directory): Map<TensorInfo, TensorInfo> {
            val count = directory.tiers - 1L
            val names = directory.names
            val ofRows = stored.indices.filter { names.endsWith(it, OF_TIERS) }
            val owners = ofRows.map { number -> names.find(names[number].dropLast(OF_TIERS.length)) }
            return owners.indices.filter { owners[it] in stored.indices }
                .filter { areRows(stored[ofRows[it]], stored[owners[it]], count) }
                .sortedBy { owners[it] }
                .associate { stored[owners[it]] to stored[ofRows[it]] }
        }

        fun areRows(candidate: TensorInfo, tensor: TensorInfo, count: Long): Boolean =
            candidate.coding == Coding.RAW && tensor.coding == Coding.RAW && candidate.dtype == tensor.dtype &&
                candidate.shape.contentEquals(longArrayOf(count) + tensor.shape)
    }
}
