package io.frz.demo.compare

import android.content.Context
import android.graphics.Bitmap
import android.graphics.drawable.BitmapDrawable
import android.util.AttributeSet
import android.widget.ImageView

/** Shows a picture with rounded corners. It is as wide as its parent, and takes at most [SHARE] of the screen. */
internal class PictureView(context: Context, attributes: AttributeSet) : ImageView(context, attributes) {
    init {
        clipToOutline = true
    }

    /** Shows [picture]; the pixels of a tiny one are enlarged without being blurred. */
    fun show(picture: Bitmap?) {
        val drawable = picture?.let { BitmapDrawable(resources, it) }
        if (picture != null && picture.width < TINY) drawable?.setFilterBitmap(false)
        setImageDrawable(drawable)
    }

    override fun onMeasure(widthSpec: Int, heightSpec: Int) {
        val width = MeasureSpec.getSize(widthSpec)
        val limit = (resources.displayMetrics.heightPixels * SHARE).toInt()
        val height = minOf(width * 2 / 3, limit)
        super.onMeasure(widthSpec, MeasureSpec.makeMeasureSpec(height, MeasureSpec.EXACTLY))
    }

    private companion object {
        /** The width in pixels below which individual pixels are meant to be visible. */
        const val TINY = 64

        /** The maximum height as a share of the screen's height. */
        const val SHARE = 0.4
    }
}
