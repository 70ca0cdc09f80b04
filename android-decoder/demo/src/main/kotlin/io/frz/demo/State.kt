package io.frz.demo

import android.content.Context
import android.graphics.Bitmap
import android.net.Uri
import java.io.File

/** A text in the language of the phone, which can change while the text is shown. */
internal class Message(private val id: Int, private vararg val arguments: Any) {
    fun text(context: Context): String = context.getString(id, *arguments)
}

/** The app's current step; [fraction] is the completed part, from 0 to 1, or null if it is unknown. */
internal class Step(val message: Message, val fraction: Double? = null)

/** The user's choice, which determines everything else that the app shows. */
internal data class Choice(
    val network: Int = 0,
    /** The capacity level, or null for the highest. */
    val tier: Int? = null,
    /** The index of one of the network's pictures. */
    val picture: Int = 0,
    /** The user's own picture, which replaces the network's. */
    val own: Uri? = null
)

/** What the screen shows. */
internal data class State(
    val choice: Choice = Choice(),
    val loaded: LoadedNetwork? = null,
    val picture: Bitmap? = null,
    val run: LoadedNetwork.Run? = null,
    val step: Step? = null,
    val failure: Message? = null,
    /** A report that has been written but not yet shared. */
    val report: File? = null
)
