package io.frz.demo

import android.net.Uri
import android.os.Bundle

private const val NETWORK = "network"
private const val TIER = "tier"
private const val PICTURE = "picture"
private const val OWN = "own"

/** Keeps [choice] for the day when the app, which the system had ended, is opened again. */
internal fun Bundle.put(choice: Choice) {
    putInt(NETWORK, choice.network)
    choice.tier?.let { putInt(TIER, it) }
    putInt(PICTURE, choice.picture)
    putParcelable(OWN, choice.own)
}

/** What [put] has kept, or the first choice. */
internal fun Bundle?.choice(): Choice = if (this == null) {
    Choice()
} else {
    @Suppress("DEPRECATION") // what replaces it came with API 33
    Choice(getInt(NETWORK), if (containsKey(TIER)) getInt(TIER) else null, getInt(PICTURE), getParcelable<Uri>(OWN))
}
