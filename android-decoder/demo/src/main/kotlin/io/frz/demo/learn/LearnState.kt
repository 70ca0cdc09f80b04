package io.frz.demo.learn

import io.frz.demo.work.Message

/** A class that the user teaches. */
internal data class Taught(val name: String, val examples: Int)

/** What the learner thinks of a picture: a score from 0 to 1 for each class, the highest first. */
internal class Guess(val scores: List<Pair<String, Double>>)

/** What the screen shows. */
internal data class LearnState(
    val classes: List<Taught>,
    /** The guess for the picture on the pad; null if there is no picture, or nothing has been learned yet. */
    val guess: Guess? = null,
    /** The time that it took to learn the last example, in milliseconds; null if nothing can be learned yet. */
    val time: Double? = null,
    val failure: Message? = null
) {
    val examples: Int get() = classes.sumOf { it.examples }
}
