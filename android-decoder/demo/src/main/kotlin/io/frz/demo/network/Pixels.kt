package io.frz.demo.network

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.Rect
import kotlin.math.max
import kotlin.math.min
import kotlin.math.roundToInt
import org.pytorch.Tensor

/**
 * The kind of input on which a network was trained, and the conversion of pictures to it.
 *
 * @property channels 1 for gray, 3 for red, green and blue
 * @property width the width of the input in pixels, or 0 if any width is accepted
 * @property height the height of the input in pixels, or 0 if any height is accepted
 * @property longest the maximum length of the longer side in pixels, or 0 if there is no limit
 * @property dark whether the network was trained with light figures on a dark background
 * @property mean the mean to subtract from values between 0 and 1, for each channel or one for all
 * @property std the standard deviation by which to divide the result, for each channel or one for all
 */
internal class Pixels(
    val channels: Int,
    val width: Int,
    val height: Int,
    val longest: Int,
    val dark: Boolean,
    val mean: FloatArray,
    val std: FloatArray
) {
    /** Returns [picture], cropped and scaled to the size that the network needs, or [picture] itself if it fits. */
    fun fit(picture: Bitmap): Bitmap {
        val shrink = if (longest == 0) 1.0 else min(1.0, longest.toDouble() / max(picture.width, picture.height))
        val w = if (width > 0) width else max(LEAST, (shrink * picture.width).roundToInt())
        val h = if (height > 0) height else max(LEAST, (shrink * picture.height).roundToInt())
        if (w == picture.width && h == picture.height) return picture
        val fitted = Bitmap.createBitmap(w, h, Bitmap.Config.ARGB_8888)
        val paint = Paint(Paint.FILTER_BITMAP_FLAG or Paint.DITHER_FLAG)
        Canvas(fitted).drawBitmap(picture, middle(picture, w, h), Rect(0, 0, w, h), paint)
        return fitted
    }

    /** Returns the largest centered part of [picture] with the aspect ratio of [w] to [h]. */
    private fun middle(picture: Bitmap, w: Int, h: Int): Rect {
        val scale = min(picture.width.toDouble() / w, picture.height.toDouble() / h)
        val partWidth = max(1, (scale * w).roundToInt())
        val partHeight = max(1, (scale * h).roundToInt())
        val left = (picture.width - partWidth) / 2
        val top = (picture.height - partHeight) / 2
        return Rect(left, top, left + partWidth, top + partHeight)
    }

    /**
     * Returns [picture], which has the size that the network needs, as a float32 tensor (1, channels, height, width).
     */
    fun tensor(picture: Bitmap): Tensor {
        val size = picture.width * picture.height
        val colors = IntArray(size)
        picture.getPixels(colors, 0, picture.width, 0, 0, picture.width, picture.height)
        val values = Tensor.allocateFloatBuffer(channels * size)
        val shifts = if (channels == 1) intArrayOf(GREEN) else intArrayOf(RED, GREEN, BLUE)
        if (channels == 1) for (i in colors.indices) colors[i] = grey(colors[i]) shl GREEN
        val invert = dark && colors.sumOf { (it shr GREEN and 255).toLong() } > 127L * size
        for ((channel, shift) in shifts.withIndex()) {
            val m = mean[min(channel, mean.size - 1)]
            val s = std[min(channel, std.size - 1)]
            for (color in colors) {
                val value = color shr shift and 255
                values.put(((if (invert) 255 - value else value) / 255f - m) / s)
            }
        }
        val shape = intArrayOf(1, channels, picture.height, picture.width)
        return Tensor.fromBlob(values, LongArray(shape.size) { shape[it].toLong() })
    }

    /** Returns the ITU-R BT.601 luma of a pixel, from 0 to 255. A gray pixel keeps its value. */
    private fun grey(color: Int): Int {
        val r = color shr RED and 255
        val g = color shr GREEN and 255
        val b = color shr BLUE and 255
        return (299 * r + 587 * g + 114 * b + 500) / 1000
    }

    private companion object {
        const val RED = 16
        const val GREEN = 8
        const val BLUE = 0

        /** The minimum width and height in pixels. A UNet halves them four times and so still has 2 × 2 pixels. */
        const val LEAST = 32
    }
}
