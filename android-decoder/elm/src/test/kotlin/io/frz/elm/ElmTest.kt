package io.frz.elm

import io.frz.DType
import io.frz.FrzException
import io.frz.FrzFile
import java.nio.ByteBuffer
import kotlin.math.abs
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Tests models trained in Python, and compares learning on the JVM with learning in Python. */
class ElmTest {
    private val model = open("digits.frz").use(ElmModel::of)
    private val expected = open("digits.expected.frz")
    private val images = bytes("images").toList().chunked(PIXELS) { it.toByteArray() }
    private val labels = bytes("labels").map { it.toString() }

    private fun open(name: String) = FrzFile.open(javaClass.getResourceAsStream("/$name")!!.use { it.readBytes() })

    private fun bytes(name: String) =
        ByteArray(expected.tensor(name).elements.toInt()).also { expected.load(name).buffer.get(it) }

    private fun doubles(name: String): DoubleArray {
        val buffer = expected.load(name).also { assertEquals(DType.F64, it.dtype) }.buffer.asDoubleBuffer()
        return DoubleArray(buffer.remaining()).also(buffer::get)
    }

    private fun learner(examples: IntRange) =
        ElmLearner(model.hidden).apply { for (i in examples) add(images[i], labels[i]) }

    private fun accuracy(model: ElmModel) = (400 until 900).count { model.classify(images[it]) == labels[it] } / 500.0

    @Test
    fun `features equal those computed in Python bit for bit`() {
        val wanted = doubles("features")
        assertEquals(wanted.size, 3 * model.hidden.features)
        for (i in 0 until 3) {
            val part = wanted.copyOfRange(i * model.hidden.features, (i + 1) * model.hidden.features)
            assertArrayEquals(part, model.hidden.features(images[i]))
        }
    }

    @Test
    fun `a model written by Python predicts the same classes`() {
        assertEquals(List(10) { it.toString() }, model.labels)
        assertEquals(10, model.outputs)
        val same = bytes("predicted").withIndex().count { (i, label) -> model.classify(images[i]) == label.toString() }
        assertTrue(same >= 899, "$same of 900") // the weights in the file are rounded to 8 bits
    }

    @Test
    fun `learning yields the same solution as in Python`() {
        val wanted = doubles("weights")
        val found = learner(0 until 400).solve(1e-3)
        val largest = wanted.maxOf(::abs)
        for ((output, label) in found.labels.withIndex()) {
            val weights = found.weights(output)
            for (i in weights.indices) assertEquals(wanted[i * 10 + label.toInt()], weights[i], 1e-5 * largest)
        }
        assertEquals(accuracy(model), accuracy(found), 0.004)
    }

    @Test
    fun `forgotten examples leave no trace`() {
        val learner = learner(0 until 300)
        for (i in 200 until 300) learner.forget(images[i], labels[i])
        assertEquals(200, learner.examples)
        val fewer = learner(0 until 200).solve()
        for ((output, weights) in learner.solve().labels.indices.map { it to learner.solve().weights(it) }) {
            assertArrayEquals(fewer.weights(output), weights, 1e-6)
        }
    }

    @Test
    fun `an example that was so large that the others are lost cannot be forgotten silently`() {
        val hidden = open("ramps.frz").use(HiddenLayer::of)
        val inputs = List(40) { floatArrayOf((it - 20) / 20f, it % 7 / 7f) }
        val learner = ElmLearner(hidden)
        for (input in inputs) learner.add(input, if (input[0] < 0) "negative" else "positive")
        val wanted = learner.solve()
        val large = floatArrayOf(1000f, 1000f)
        learner.add(large, "positive")
        learner.forget(large, "positive")
        val found = learner.solve()
        for (output in 0 until 2) assertArrayEquals(wanted.weights(output), found.weights(output), 1e-6)
        val huge = floatArrayOf(1e9f, 1e9f)
        learner.add(huge, "positive")
        assertEquals("positive", learner.solve().classify(huge))
        learner.forget(huge, "positive")
        val error = assertThrows(IllegalStateException::class.java) { learner.solve() }
        assertTrue("add the current examples again" in error.message!!, error.message)
        for (input in inputs) learner.forget(input, if (input[0] < 0) "negative" else "positive")
        for (input in inputs) learner.add(input, if (input[0] < 0) "negative" else "positive")
        for (output in 0 until 2) assertArrayEquals(wanted.weights(output), learner.solve().weights(output))
    }

    @Test
    fun `only examples that were learned can be forgotten`() {
        val learner = learner(0 until 100)
        val before = learner.solve()
        val wrong = labels.first { it != labels[0] }
        for ((image, label) in listOf(images[100] to labels[100], images[0] to wrong, images[0] to "new")) {
            val thrown = assertThrows(IllegalArgumentException::class.java) { learner.forget(image, label) }
            assertEquals("no such example has the label \"$label\"", thrown.message)
        }
        repeat(2) { learner.add(images[100], labels[100]) }
        repeat(2) { learner.forget(images[100], labels[100]) }
        assertThrows(IllegalArgumentException::class.java) { learner.forget(images[100], labels[100]) }
        assertEquals(100, learner.examples)
        val after = learner.solve()
        for (output in 0 until 10) assertArrayEquals(before.weights(output), after.weights(output), 1e-9)
    }

    @Test
    fun `a class without examples is not a class`() {
        val learner = learner(0 until 100)
        for (i in 0 until 100) if (labels[i] in "123") learner.forget(images[i], labels[i])
        val others = ElmLearner(model.hidden)
        for (i in 0 until 100) if (labels[i] !in "123") others.add(images[i], labels[i])
        val (found, wanted) = learner.solve() to others.solve()
        assertEquals(wanted.labels, found.labels.sortedBy { wanted.labels.indexOf(it) })
        for ((output, label) in wanted.labels.withIndex()) {
            assertArrayEquals(wanted.weights(output), found.weights(found.labels.indexOf(label)), 1e-6)
        }
        for (i in 0 until 100) if (labels[i] !in "1237") learner.forget(images[i], labels[i])
        assertThrows(IllegalStateException::class.java) { learner.solve() }
        for (i in 0 until 100) if (labels[i] == "7") learner.forget(images[i], labels[i])
        assertEquals(0, learner.examples)
        for (i in 0 until 50) learner.add(images[i], labels[i])
        val fresh = learner(0 until 50).solve()
        val again = learner.solve()
        for (output in fresh.labels.indices) assertArrayEquals(fresh.weights(output), again.weights(output))
    }

    @Test
    fun `classes added later are treated like the first ones`() {
        val order = (0 until 200).sortedBy { labels[it] }
        val late = ElmLearner(model.hidden).apply { for (i in order) add(images[i], labels[i]) }.solve()
        val early = learner(0 until 200).solve()
        for ((output, label) in late.labels.withIndex()) {
            assertArrayEquals(early.weights(early.labels.indexOf(label)), late.weights(output), 1e-6)
        }
    }

    @Test
    fun `there can be more features than examples`() {
        val few = ElmLearner(model.hidden).apply { for (i in 0 until 20) add(images[i], labels[i]) }.solve(1e-18)
        assertTrue((0 until 20).all { few.classify(images[it]) == labels[it] })
    }

    @Test
    fun `a regression has no classes`() {
        val curve = open("curve.frz").use(ElmModel::of)
        open("curve.expected.frz").use { file ->
            val x = file.load("x").buffer.asFloatBuffer()
            val y = file.load("y").buffer.asDoubleBuffer()
            while (x.hasRemaining()) assertEquals(y.get(), curve.scores(floatArrayOf(x.get())).single(), 1e-9)
        }
        assertTrue(curve.labels.isEmpty())
        assertThrows(IllegalStateException::class.java) { curve.classify(floatArrayOf(0f)) }
        val learner = ElmLearner(curve.hidden)
        for (i in -20..20) learner.add(floatArrayOf(i / 20f), if (i < 0) "negative" else "positive")
        val sign = learner.solve()
        assertEquals("negative", sign.classify(floatArrayOf(-0.7f)))
        assertEquals("positive", sign.classify(floatArrayOf(0.7f)))
        learner.forget(floatArrayOf(0f), "positive")
        assertEquals(40, learner.examples)
    }

    @Test
    fun `inputs of the wrong kind or size are refused`() {
        val curve = open("curve.frz").use(HiddenLayer::of)
        assertArrayEquals(intArrayOf(1), curve.inputShape)
        assertEquals(PIXELS, model.hidden.inputSize)
        for ((wrong, message) in listOf<Pair<() -> Any?, String>>(
            { model.classify(ByteArray(63)) } to "the input has 63 elements, but the hidden layer takes 64",
            { curve.features(FloatArray(2)) } to "the input has 2 elements, but the hidden layer takes 1",
            { model.scores(FloatArray(PIXELS)) } to "this hidden layer takes the bytes of an image, not floats",
            { curve.features(ByteArray(1)) } to "this hidden layer takes floats, not the bytes of an image",
            { ElmLearner(curve).forget(floatArrayOf(0f), "x") } to "no such example has the label \"x\"",
            { learner(0 until 9).solve(0.0) } to "the ridge 0.0 is not positive"
        )) {
            assertEquals(message, assertThrows(IllegalArgumentException::class.java) { wrong() }.message)
        }
    }

    @Test
    fun `one class is too few`() {
        val learner = ElmLearner(model.hidden)
        assertThrows(IllegalStateException::class.java) { learner.solve() }
        learner.add(images[0], "one")
        val error = assertThrows(IllegalStateException::class.java) { learner.solve() }
        assertEquals("add examples of at least two classes (examples: 1, classes: 1)", error.message)
    }

    @Test
    fun `an interrupt ends solving`() {
        val learner = learner(0 until 50)
        Thread.currentThread().interrupt()
        assertThrows(InterruptedException::class.java) { learner.solve() }
        assertFalse(Thread.currentThread().isInterrupted)
        learner.solve()
    }

    @Test
    fun `unrelated files are refused`() {
        val error = assertThrows(ElmException::class.java) { HiddenLayer.of(expected) }
        assertEquals(
            "the file does not contain an Extreme Learning Machine: its metadata has no elm.input",
            error.message
        )
    }

    @Test
    fun `malformed layers are refused`() {
        for (name in listOf("bias", "negative", "pool", "zero", "large", "scalar", "infinite", "many", "inexact")) {
            open("malformed/$name.frz").use { file ->
                assertThrows(ElmException::class.java, { HiddenLayer.of(file) }, name)
            }
        }
    }

    @Test
    fun `numbers that are not finite are refused`() {
        val curve = open("curve.frz").use(ElmModel::of)
        val learner = ElmLearner(curve.hidden)
        for (i in -20..20) learner.add(floatArrayOf(i / 20f), if (i < 0) "negative" else "positive")
        for (number in listOf(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY)) {
            val input = floatArrayOf(number)
            assertThrows(IllegalArgumentException::class.java) { learner.add(input, "other") }
            assertThrows(IllegalArgumentException::class.java) { learner.solve().classify(input) }
        }
        assertEquals(41, learner.examples)
        assertEquals("negative", learner.solve().classify(floatArrayOf(-0.7f)))
    }

    @Test
    fun `every cut of a file is refused`() {
        val whole = javaClass.getResourceAsStream("/digits.frz")!!.use { it.readBytes() }
        for (size in whole.indices step 7) {
            assertThrows(FrzException::class.java) {
                FrzFile.open(ByteBuffer.wrap(whole, 0, size)).use(ElmModel::of)
            }
        }
    }

    private companion object {
        const val PIXELS = 64
    }
}
