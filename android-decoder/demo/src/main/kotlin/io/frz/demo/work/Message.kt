package io.frz.demo.work

import android.content.Context

/** A message in the language of the phone. The language can change while the message is shown. */
internal class Message(private val id: Int, private vararg val arguments: Any) {
    fun text(context: Context): String = context.getString(id, *arguments)
}

/** The current step of a job; [fraction] is the completed part, from 0 to 1, or null if it is unknown. */
internal class Step(val message: Message, val fraction: Double? = null)
