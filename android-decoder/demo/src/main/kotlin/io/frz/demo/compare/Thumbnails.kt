package io.frz.demo.compare

import android.graphics.drawable.BitmapDrawable
import android.view.LayoutInflater
import android.view.ViewGroup
import android.widget.ImageButton
import io.frz.demo.R
import io.frz.demo.network.NetworkInfo
import io.frz.demo.network.Pictures

/** A strip of the network's pictures, followed by a button for the user's own. */
internal class Thumbnails(
    private val strip: ViewGroup,
    private val choose: (Int) -> Unit,
    private val own: () -> Unit
) {
    private var info: NetworkInfo? = null

    fun render(network: NetworkInfo?, choice: Choice) {
        if (network !== info) fill(network)
        info = network
        val chosen = if (choice.own != null) strip.childCount - 1 else choice.picture
        for (index in 0 until strip.childCount) {
            strip.getChildAt(index).run { if (isSelected != (index == chosen)) isSelected = index == chosen }
        }
    }

    private fun fill(network: NetworkInfo?) {
        strip.removeAllViews()
        val pictures = network?.pictures.orEmpty()
        pictures.forEachIndexed { index, name ->
            val bitmap = Pictures.thumbnail(strip.context.assets, name)
            val button = button(strip.context.getString(R.string.thumbnail, index + 1, pictures.size))
            button.setImageDrawable(bitmap?.let { BitmapDrawable(strip.resources, it) })
            button.setOnClickListener { choose(index) }
        }
        if (network == null) return
        val button = button(strip.context.getString(R.string.choose))
        button.setImageResource(R.drawable.icon_add)
        button.setOnClickListener { own() }
    }

    private fun button(name: String): ImageButton {
        val view = LayoutInflater.from(strip.context).inflate(R.layout.thumbnail, strip, false) as ImageButton
        view.contentDescription = name
        strip.addView(view)
        return view
    }
}
