package io.frz.benchmark.internal

import io.frz.FrzFile
import io.frz.benchmark.Device
import io.frz.benchmark.LearningAssets
import io.frz.benchmark.LearningResult
import io.frz.benchmark.Manifest
import io.frz.elm.ElmLearner
import io.frz.elm.HiddenLayer
import java.io.File

/** Learns the classes of the training examples on this device, and classifies the test inputs. */
internal class LearningTest(manifest: Manifest, private val assets: LearningAssets, private val device: Device) {
    private val file = File(manifest.folder, assets.layer)
    private val tensors = Tensors(manifest.folder)

    fun run(): LearningResult {
        var result: LearningResult? = null
        val reason = failure { result = measure() }
        return result ?: LearningResult.failed(file.length(), assets.tolerance, reason.orEmpty())
    }

    private fun measure(): LearningResult {
        val examples = tensors.rows(assets.train).map(::bytes)
        val labels = tensors.elements(assets.trainLabels).map { it.toInt().toString() }
        val inputs = tensors.rows(assets.test).map(::bytes)
        val classes = tensors.elements(assets.testLabels).map { it.toInt() }
        val expected = tensors.rows(assets.outputs)
        val thermometer = Thermometer(device)
        val scale = Scale(device)
        var start = System.nanoTime()
        val layer = naming(file.name) { FrzFile.open(file).use(HiddenLayer::of) }
        val load = since(start)
        val learner = ElmLearner(layer)
        val learns = examples.zip(labels) { example, label ->
            checkInterrupted()
            val begin = System.nanoTime()
            learner.add(example, label)
            since(begin)
        }
        start = System.nanoTime()
        val model = learner.solve()
        val solve = since(start)
        scale.loaded()
        val error = Error()
        val times = ArrayList<Double>()
        var right = 0
        for ((at, input) in inputs.withIndex()) {
            checkInterrupted()
            val begin = System.nanoTime()
            val scores = model.scores(input)
            times.add(since(begin))
            // The desktop's outputs are in the order of the classes, those of the model in the order of learning.
            val sorted = FloatArray(scores.size) { scores[model.labels.indexOf(it.toString())].toFloat() }
            error.add(sorted, expected[at])
            if (sorted.indices.maxByOrNull { sorted[it] } == classes[at]) right++
        }
        return LearningResult(
            examples.size, file.length(), load, median(learns), solve, times, error.relative, assets.tolerance,
            right.toDouble() / classes.size, scale.read(), thermometer.read()
        )
    }

    private fun bytes(pixels: FloatArray) = ByteArray(pixels.size) { pixels[it].toInt().toByte() }
}
