package io.frz.demo.compare

import android.content.Intent
import android.graphics.Bitmap
import android.net.Uri
import io.frz.demo.network.LoadedNetwork
import io.frz.demo.work.Message
import io.frz.demo.work.Step

/** The user's choice, which determines everything else that the screen shows. */
internal data class Choice(
    val network: Int = 0,
    /** The tier, or null for the largest. */
    val tier: Int? = null,
    /** The index of one of the network's pictures. */
    val picture: Int = 0,
    /** The user's own picture, which replaces the network's. */
    val own: Uri? = null,
    /** Whether to run the dense network as well. */
    val dense: Boolean = false
)

/** What is known about one form of the network. */
internal class Side(val loaded: LoadedNetwork? = null, val run: LoadedNetwork.Run? = null)

/** What the screen shows. */
internal data class CompareState(
    val choice: Choice = Choice(),
    val picture: Bitmap? = null,
    val compressed: Side = Side(),
    val dense: Side = Side(),
    val step: Step? = null,
    /** The uptime, in milliseconds, at which the dense network started to run; null if it is not running. */
    val denseSince: Long? = null,
    val failure: Message? = null,
    /** An intent that is ready to share something with another app, or null. */
    val shared: Intent? = null
)
