package io.frz.demo.compare

import android.view.View
import android.widget.SeekBar
import android.widget.TextView
import io.frz.demo.R
import io.frz.demo.network.NetworkInfo
import io.frz.demo.work.find
import io.frz.demo.work.show
import io.frz.demo.work.visible

/** The slider that chooses the tier of a network with several tiers. */
internal class TierCard(private val root: View, private val answers: Answers, choose: (Int) -> Unit) {
    private val slider = root.find<SeekBar>(R.id.tier)
    private var info: NetworkInfo? = null

    init {
        slider.setOnSeekBarChangeListener(object : SeekBar.OnSeekBarChangeListener {
            override fun onProgressChanged(bar: SeekBar, tier: Int, byUser: Boolean) {
                describe(tier)
                if (byUser) choose(tier)
            }

            override fun onStartTrackingTouch(bar: SeekBar) = Unit

            override fun onStopTrackingTouch(bar: SeekBar) = Unit
        })
    }

    fun render(network: NetworkInfo?, choice: Choice) {
        info = network
        val tiers = network?.tiers.orEmpty().size
        root.visible(tiers > 1)
        if (tiers < 2) return
        if (slider.max != tiers - 1) slider.max = tiers - 1
        val tier = (choice.tier ?: (tiers - 1)).coerceIn(0, tiers - 1)
        if (slider.progress != tier) slider.progress = tier
        describe(tier)
    }

    private fun describe(tier: Int) {
        val text = answers.tier(info?.takeIf { tier in it.tiers.indices } ?: return, tier)
        root.find<TextView>(R.id.tier_words).show(text)
        slider.contentDescription = text
    }
}
