package io.frz.demo.learn

import android.content.Context
import io.frz.FrzFile
import io.frz.demo.R
import io.frz.demo.work.Worker
import io.frz.demo.work.attempt
import io.frz.demo.work.stage
import io.frz.elm.ElmLearner
import io.frz.elm.ElmModel
import io.frz.elm.HiddenLayer

/**
 * Learns the user's own classes with an Extreme Learning Machine. Pictures are [SIDE]² gray bytes; they stay in memory
 * and are gone when the app closes. The presenter survives when the activity is recreated.
 *
 * Call all functions on the main thread.
 */
internal class LearnPresenter(context: Context) {
    private val app = context.applicationContext
    private val worker = Worker("learner")

    // Used only on the background thread.
    private var learner: ElmLearner? = null
    private var model: ElmModel? = null

    /** All examples, the newest last; kept so that the user can remove the newest one. */
    private val examples = ArrayList<Pair<ByteArray, String>>()

    /** The classes that have examples. */
    @Volatile
    private var known: Set<String> = emptySet()

    /** The picture on the pad, or null. */
    @Volatile
    private var picture: ByteArray? = null

    /** Receives each new [state]. */
    var listener: ((LearnState) -> Unit)? = null

    var state: LearnState = initial()
        private set(value) {
            field = value
            listener?.invoke(value)
        }

    /** Whether all requested learning is complete. */
    val isIdle: Boolean get() = worker.isIdle

    /** Adds a class without examples; returns false if a class with this name exists. */
    fun addClass(name: String): Boolean {
        if (state.classes.any { it.name == name }) return false
        state = state.copy(classes = state.classes + Taught(name, 0))
        return true
    }

    /** Guesses what [picture] shows; null clears the guess. */
    fun look(picture: ByteArray?) {
        this.picture = picture
        if (picture == null) {
            state = state.copy(guess = null)
        } else {
            work { guess(picture) }
        }
    }

    /** Adds [picture] to the class [name], and learns from all examples. */
    fun teach(picture: ByteArray, name: String) {
        examples.add(picture to name)
        count()
        work { learn { it.add(picture, name) } }
    }

    /** Removes the newest example. */
    fun undo() {
        val (picture, name) = (if (examples.isEmpty()) null else examples.removeAt(examples.lastIndex)) ?: return
        count()
        work { learn { it.forget(picture, name) } }
    }

    /** Forgets all examples and classes. */
    fun reset() {
        worker.abandon()
        examples.clear()
        known = emptySet()
        state = initial()
        worker.add {
            learner = null
            model = null
        }
        look(picture)
    }

    /** Stops the work and frees all memory. Must be the last call. */
    fun close() {
        listener = null
        worker.close {
            learner = null
            model = null
        }
    }

    private fun initial() =
        LearnState(listOf(R.string.class_circle, R.string.class_cross).map { Taught(app.getString(it), 0) })

    private fun count() {
        known = examples.mapTo(HashSet()) { it.second }
        state = state.copy(
            classes = state.classes.map { each -> each.copy(examples = examples.count { it.second == each.name }) }
        )
    }

    private fun work(job: Worker.Job.() -> Unit) = worker.add {
        val failure = attempt { stage(R.string.failed_learning) { job() } }
        report { state = state.copy(failure = failure) }
    }

    private fun Worker.Job.learn(change: (ElmLearner) -> Unit) {
        val learner = learner ?: ElmLearner(hidden()).also { learner = it }
        val start = System.nanoTime()
        change(learner)
        model = if (known.size < 2) null else learner.solve()
        val time = if (model == null) null else (System.nanoTime() - start) / 1e6
        report { state = state.copy(time = time) }
        picture?.let { guess(it) }
    }

    private fun Worker.Job.guess(picture: ByteArray) {
        val model = model
        val guess = model?.let {
            val scores = it.scores(picture)
            Guess(
                it.labels.mapIndexed { label, name -> name to (scores[label] + 1) / 2 }
                    .filter { (name, _) -> name in known }
                    .sortedByDescending { (_, score) -> score }
            )
        }
        report { if (this@LearnPresenter.picture === picture) state = state.copy(guess = guess) }
    }

    private fun hidden() = app.assets.open(LAYER).use { FrzFile.open(it) }.use(HiddenLayer::of)

    internal companion object {
        /** The width and height of a picture in pixels. */
        const val SIDE = 28
        private const val LAYER = "learner.frz"
    }
}
