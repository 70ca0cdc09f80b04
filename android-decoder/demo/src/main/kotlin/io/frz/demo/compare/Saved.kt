package io.frz.demo.compare

import android.net.Uri
import android.os.Bundle

private const val NETWORK = "network"
private const val TIER = "tier"
private const val PICTURE = "picture"
private const val OWN = "own"
private const val DENSE = "dense"

/** Saves [choice], so that it can be restored when the app is reopened after the system has terminated it. */
internal fun Bundle.put(choice: Choice) {
    putInt(NETWORK, choice.network)
    choice.tier?.let { putInt(TIER, it) }
    putInt(PICTURE, choice.picture)
    putParcelable(OWN, choice.own)
    putBoolean(DENSE, choice.dense)
}

/** Returns the choice that [put] saved, or the default one. */
internal fun Bundle?.choice(): Choice = if (this == null) {
    Choice()
} else {
    Choice(
        network = getInt(NETWORK),
        tier = if (containsKey(TIER)) getInt(TIER) else null,
        picture = getInt(PICTURE),
        own = @Suppress("DEPRECATION") getParcelable<Uri>(OWN), // its replacement requires API 33
        dense = getBoolean(DENSE)
    )
}
