package io.frz.demo.learn

import android.annotation.SuppressLint
import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.Path
import android.graphics.Rect
import android.graphics.RectF
import android.util.AttributeSet
import android.view.MotionEvent
import android.view.View

/** A pad to draw on, with light strokes on a dark background. It can also show a picture. */
internal class DrawingPad(context: Context, attributes: AttributeSet) : View(context, attributes) {
    /** Called when a stroke ends, and when a picture is shown or removed. */
    var changed: () -> Unit = {}

    private val strokes = Path()
    private val pen = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        color = Color.WHITE
        style = Paint.Style.STROKE
        strokeCap = Paint.Cap.ROUND
        strokeJoin = Paint.Join.ROUND
    }
    private val smooth = Paint(Paint.FILTER_BITMAP_FLAG)

    /** The user's own picture, which replaces the strokes. */
    var picture: Bitmap? = null
        set(value) {
            field = value
            strokes.reset()
            invalidate()
            changed()
        }

    init {
        clipToOutline = true
        isFocusable = true
    }

    fun clear() {
        picture = null
    }

    /**
     * Returns what the pad shows as [side]² gray bytes, or null if it is empty. Strokes are scaled to the same size and
     * centered, so that their original position and size do not matter.
     */
    fun pixels(side: Int): ByteArray? {
        val small = Bitmap.createBitmap(side, side, Bitmap.Config.ARGB_8888)
        val canvas = Canvas(small)
        canvas.drawColor(Color.BLACK)
        val shown = picture
        if (shown != null) {
            canvas.drawBitmap(shown, square(shown), Rect(0, 0, side, side), smooth)
        } else if (!strokes(canvas, side.toFloat())) {
            return null
        }
        val colors = IntArray(side * side)
        small.getPixels(colors, 0, side, 0, 0, side, side)
        return ByteArray(colors.size) { index ->
            val color = colors[index]
            ((299 * Color.red(color) + 587 * Color.green(color) + 114 * Color.blue(color) + 500) / 1000).toByte()
        }
    }

    /** Draws the strokes into a square with a margin; returns false if there are none. */
    private fun strokes(canvas: Canvas, side: Float): Boolean {
        if (strokes.isEmpty) return false
        val bounds = RectF()
        @Suppress("DEPRECATION") // The version without the flag requires API 35.
        strokes.computeBounds(bounds, true)
        val longest = maxOf(bounds.width(), bounds.height(), height * SMALLEST)
        val scale = side * (1 - 2 * MARGIN) / longest
        canvas.translate(side / 2, side / 2)
        canvas.scale(scale, scale)
        canvas.translate(-bounds.centerX(), -bounds.centerY())
        pen.strokeWidth = side * PEN / scale
        canvas.drawPath(strokes, pen)
        return true
    }

    private fun square(picture: Bitmap): Rect {
        val side = minOf(picture.width, picture.height)
        val left = (picture.width - side) / 2
        val top = (picture.height - side) / 2
        return Rect(left, top, left + side, top + side)
    }

    override fun onMeasure(widthSpec: Int, heightSpec: Int) {
        val limit = (resources.displayMetrics.heightPixels * SHARE).toInt()
        val width = MeasureSpec.getSize(widthSpec)
        setMeasuredDimension(width, minOf(width, limit))
    }

    override fun onDraw(canvas: Canvas) {
        val shown = picture
        if (shown != null) {
            val left = (width - height) / 2
            canvas.drawBitmap(shown, square(shown), Rect(left, 0, left + height, height), smooth)
        } else {
            pen.strokeWidth = height * PEN
            canvas.drawPath(strokes, pen)
        }
    }

    @SuppressLint("ClickableViewAccessibility") // Users of screen readers choose a picture instead.
    override fun onTouchEvent(event: MotionEvent): Boolean {
        when (event.actionMasked) {
            MotionEvent.ACTION_DOWN -> {
                parent.requestDisallowInterceptTouchEvent(true) // otherwise, the screen would scroll
                if (picture != null) clear()
                strokes.moveTo(event.x, event.y)
                strokes.lineTo(event.x + 1, event.y)
            }

            MotionEvent.ACTION_MOVE -> {
                for (index in 0 until event.historySize) {
                    strokes.lineTo(event.getHistoricalX(index), event.getHistoricalY(index))
                }
                strokes.lineTo(event.x, event.y)
            }

            MotionEvent.ACTION_UP -> changed()

            else -> return super.onTouchEvent(event)
        }
        invalidate()
        return true
    }

    private companion object {
        /** The width of a stroke as a share of the height. */
        const val PEN = 0.07f

        /** The empty border around strokes as a share of the picture's side. */
        const val MARGIN = 0.15f

        /** Strokes smaller than this share of the pad are not enlarged to the full size: a dot stays a dot. */
        const val SMALLEST = 0.15f

        /** The maximum height as a share of the screen's height. */
        const val SHARE = 0.34f
    }
}
