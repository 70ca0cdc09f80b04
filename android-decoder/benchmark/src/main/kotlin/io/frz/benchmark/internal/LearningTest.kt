package io.frz.benchmark.internal

import io.frz.FrzFile
import io.frz.benchmark.LearningAssets
import io.frz.benchmark.LearningResult
import io.frz.benchmark.Manifest
import io.frz.elm.ElmLearner
import io.frz.elm.HiddenLayer
import java.io.File

/** Learns the classes of the training examples on this device, and classifies the test inputs. */
internal class LearningTest(private val manifest: Manifest, private val assets: LearningAssets) {
    private val tensors = Tensors(manifest.folder)

    fun run(): LearningResult {
        val file = File(manifest.folder, assets.layer)
        var start = System.nanoTime()
        val layer = FrzFile.open(file).use(HiddenLayer::of)
        val load = since(start)
        val learner = ElmLearner(layer)
        val examples = tensors.rows(assets.train).map(::bytes)
        val labels = tensors.elements(assets.trainLabels).map { it.toInt().toString() }
        val learns = examples.zip(labels) { example, label ->
            checkInterrupted()
            val begin = System.nanoTime()
            learner.add(example, label)
            since(begin)
        }
        start = System.nanoTime()
        val model = learner.solve()
        val solve = since(start)
        val expected = tensors.rows(assets.outputs)
        val wanted = tensors.elements(assets.testLabels).map { it.toInt() }
        val error = Error()
        val times = ArrayList<Double>()
        var right = 0
        for ((at, input) in tensors.rows(assets.test).map(::bytes).withIndex()) {
            val begin = System.nanoTime()
            val scores = model.scores(input)
            times.add(since(begin))
            // The desktop's outputs are in the order of the classes, those of the model in the order of learning.
            val sorted = FloatArray(scores.size) { scores[model.labels.indexOf(it.toString())].toFloat() }
            error.add(sorted, expected[at])
            if (sorted.indices.maxByOrNull { sorted[it] } == wanted[at]) right++
        }
        return LearningResult(
            examples.size, file.length(), load, median(learns), solve, times, error.relative, assets.tolerance,
            right.toDouble() / wanted.size
        )
    }

    private fun bytes(pixels: FloatArray) = ByteArray(pixels.size) { pixels[it].toInt().toByte() }
}
