package io.frz.demo.network

import android.graphics.Bitmap
import android.graphics.Canvas
import kotlin.math.exp
import org.pytorch.Tensor

/** The logits of one picture: of shape (1, labels) for the whole picture, or (1, labels, height, width) by pixel. */
internal class Output(tensor: Tensor, private val network: NetworkInfo) {
    /** The logits in row-major order, as the runtime stores them. */
    val logits: FloatArray = tensor.dataAsFloatArray
    val shape: LongArray = tensor.shape()

    init {
        require(shape[1] == network.labels.size.toLong() && logits.size % network.labels.size == 0) {
            "the output has shape ${shape.contentToString()}, not ${network.labels.size} logits"
        }
    }

    private val area = logits.size / network.labels.size

    /** The index of the label of each pixel, or of the whole picture: the first one with the largest logit. */
    val classes: IntArray = IntArray(area) { pixel ->
        var best = 0
        for (label in 1 until network.labels.size) {
            if (logits[label * area + pixel] > logits[best * area + pixel]) best = label
        }
        best
    }

    /** The label of the picture, or the label that the mask shows. */
    val label: String get() = network.labels[if (network.task == Task.CLASSIFY) classes[0] else network.shown]

    /** The labels of the picture and their probabilities, the most likely first; for [Task.CLASSIFY]. */
    val ranking: List<Pair<String, Double>>
        get() {
            val largest = logits.max()
            val sum = logits.sumOf { exp(it.toDouble() - largest) }
            return network.labels.mapIndexed { label, name -> name to exp(logits[label].toDouble() - largest) / sum }
                .sortedByDescending { it.second }
        }

    /** Returns the share of pixels that have the same label in [other]; for [Task.CLASSIFY], 1 if the labels match. */
    fun agreement(other: Output): Double = classes.indices.count { classes[it] == other.classes[it] } / area.toDouble()

    /** The probability of [label], or the fraction of the picture that it covers, from 0 to 1. */
    val share: Double
        get() = when (network.task) {
            Task.CLASSIFY -> ranking.first().second
            Task.SEGMENT -> classes.count { it == network.shown }.toDouble() / area
        }

    /** Returns [picture] with [color] over the pixels of the mask, or [picture] itself if there is no mask. */
    fun over(picture: Bitmap, color: Int): Bitmap {
        if (network.task == Task.CLASSIFY) return picture
        val pixels = IntArray(area) { if (classes[it] == network.shown) color else 0 }
        val width = shape[3].toInt()
        val mask = Bitmap.createBitmap(pixels, width, area / width, Bitmap.Config.ARGB_8888)
        val both = picture.copy(Bitmap.Config.ARGB_8888, true)
        Canvas(both).drawBitmap(mask, 0f, 0f, null)
        return both
    }
}
