package io.frz.elm

import io.frz.FrzFile
import io.frz.testing.Hog
import io.frz.testing.NO_RESERVES
import io.frz.testing.runOnSmallHeap
import java.util.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Tests learning on a full heap. */
class FullHeapTest {
    @Test
    fun `if memory runs out, the examples are the same as before`() {
        val output = runOnSmallHeap(FullHeap::class.java, 8, flags = NO_RESERVES)
        val (done, failed) = Regex("\\d+").findAll(output).map { it.value.toInt() }.toList()
        assertTrue(done > FullHeap.ROUNDS / 5 && failed > FullHeap.ROUNDS / 5, output)
    }
}

/** Adds and removes examples with a certain amount of free memory, and compares with a learner that has enough. */
object FullHeap {
    const val ROUNDS = 120
    private const val CLASSES = 20
    private const val STEPS = 40

    private val hidden = javaClass.getResourceAsStream("/curve.frz")!!.use { FrzFile.open(it.readBytes()) }
        .use(HiddenLayer::of)

    private class Example(val input: FloatArray, val label: String)

    @JvmStatic
    fun main(arguments: Array<String>) {
        val random = Random(1)
        val learner = ElmLearner(hidden)
        val wanted = ElmLearner(hidden)
        val current = ArrayList<Example>(ROUNDS)
        for (i in 0 until CLASSES) { // These also load all classes.
            for (example in listOf(Example(floatArrayOf(i / 20f), "$i"), Example(floatArrayOf(-i / 20f), "other"))) {
                for (each in listOf(learner, wanted)) {
                    repeat(3) { each.add(example.input, example.label) }
                    repeat(2) { each.forget(example.input, example.label) }
                }
                current.add(example)
            }
        }
        var failed = 0
        for (round in 0 until ROUNDS) {
            val isAdding = random.nextInt(5) > 1 || current.isEmpty()
            val new = Example(floatArrayOf(random.nextInt(100) / 100f), "${random.nextInt(2 * CLASSES)}")
            val example = if (isAdding) new else current[random.nextInt(current.size)]
            val hog = Hog(1 shl 13, 48)
            hog.free(round % STEPS)
            try {
                change(learner, example, isAdding)
                hog.clear()
                change(wanted, example, isAdding)
                if (isAdding) current.add(example) else current.remove(example)
            } catch (_: OutOfMemoryError) {
                hog.clear()
                failed++
            }
            compare(learner, wanted)
        }
        for (example in current) for (each in listOf(learner, wanted)) each.forget(example.input, example.label)
        check(learner.examples == 0)
        println("done ${ROUNDS - failed}, failed $failed")
    }

    private fun change(learner: ElmLearner, example: Example, isAdding: Boolean) =
        if (isAdding) learner.add(example.input, example.label) else learner.forget(example.input, example.label)

    private fun compare(found: ElmLearner, wanted: ElmLearner) {
        check(found.examples == wanted.examples) { "${found.examples} examples, not ${wanted.examples}" }
        val (a, b) = listOf(found, wanted).map { it.solve() }
        check(a.labels == b.labels) { "classes ${a.labels}, not ${b.labels}" }
        for (output in a.labels.indices) check(a.weights(output).contentEquals(b.weights(output))) { "other weights" }
    }
}
