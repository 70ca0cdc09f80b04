package io.frz.consumer

import ai.onnxruntime.OnnxTensor
import android.app.Activity
import android.content.Context
import android.widget.ProgressBar
import io.frz.FrzFile
import io.frz.benchmark.BenchmarkRuntime
import io.frz.benchmark.LinuxDevice
import io.frz.benchmark.Manifest
import io.frz.benchmark.Producer
import io.frz.benchmark.Suite
import io.frz.benchmark.SuiteOptions
import io.frz.elm.ElmLearner
import io.frz.elm.HiddenLayer
import io.frz.loading.FrzCallback
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzPart
import io.frz.loading.ktx.await
import io.frz.onnxruntime.FrzSession
import io.frz.pytorch.FrzModule
import io.frz.template.FrzTemplate
import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.FloatBuffer
import java.nio.channels.FileChannel
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import org.pytorch.IValue
import org.pytorch.Module
import org.pytorch.Tensor

// The Kotlin code of the documentation, which is only compiled. `tests/test_snippets.py` checks that this file contains
// all of it; line breaks and comments do not matter.

private fun show(what: Any?) = println(what)

private class Model(val set: (String, LongArray, ByteBuffer) -> Unit)

private class InAnApp(private val context: Context, private val model: Model) {
    fun decode() {
        FrzFile.open(context.assets.open("model.frz")).use { file ->
            for (info in file.tensors) {
                val tensor = file.load(info.name)
                model.set(tensor.name, tensor.shape, tensor.buffer)
            }
        }
    }

    fun list() {
        FrzFile.open(File("unet.frz")).use { file ->
            file.tensors.forEach { println("${it.name} ${it.kept} of ${it.elements}") }
            val weight = file.load("inc.double_conv.0.weight")
            weight.buffer.asFloatBuffer()
        }
    }

    fun map(file: FrzFile) {
        RandomAccessFile(File(context.cacheDir, "weights"), "rw").use { memory ->
            file.loadInto(
                "fc.weight",
                memory.channel.map(FileChannel.MapMode.READ_WRITE, 0, file.tensor("fc.weight").bytes)
            )
        }
    }

    fun load(): Module {
        val module: Module = FrzModule.loader(context, "model.ptl", "model.frz").load()
        return module
    }

    fun decrypted(decrypt: (String) -> ByteArray) {
        val weights = FrzPart.of(decrypt("model.frz.enc"))
        FrzModule.loaderOf(FrzPart.asset(context, "model.ptl"), weights, context.codeCacheDir).load()
    }

    fun run(module: Module, pixels: FloatBuffer, height: Long, width: Long): FloatArray {
        val input = Tensor.fromBlob(pixels, longArrayOf(1, 3, height, width))
        val output = module.forward(IValue.from(input)).toTensor().dataAsFloatArray
        return output
    }

    fun runOnnx(input: OnnxTensor) {
        val session: FrzSession = FrzSession.loader(context, "model.onnx", "model.frz").load()
        session.run(mapOf("x" to input)).use { result -> show(result[0]) }
    }

    fun measure(folder: File, onnxRuntime: BenchmarkRuntime, facts: Map<String, Any>) {
        val suite = Suite(
            Manifest.read(folder),
            listOf(onnxRuntime),
            LinuxDevice(facts),
            Producer("my-app", "1.0", threads = 1)
        )
        val report = suite.run(SuiteOptions.SHORT) { done, total, step -> show("$step, ${done + 1} of $total") }
        File(context.filesDir, "suite.json").writeText(report.toJson())
    }
}

private class Templates(private val context: Context) {
    /** Represents LiteRT's class. */
    class Interpreter(val model: ByteBuffer)

    /** Represents ExecuTorch's class. */
    object Module {
        fun load(path: String) = path
    }

    fun load(): Pair<Interpreter, String> {
        val weights = FrzPart.asset(context, "model.frz")
        val interpreter = Interpreter(FrzTemplate.loader(FrzPart.asset(context, "model.tflite.frt"), weights).load())

        val file = FrzTemplate.fileLoader(FrzPart.asset(context, "model.pte.frt"), weights, context.cacheDir).load()
        val module = Module.load(file.path)
        return interpreter to module
    }
}

private class Screen(private val context: Context, private val bar: ProgressBar) : Activity() {
    private var module: Module? = null

    val options = FrzLoadOptions.builder()
        .progress { done, total -> bar.progress = (100 * done / maxOf(1, total)).toInt() }
        .build()
    val loading = FrzModule.loader(context, "model.ptl", "model.frz").loadAsync(
        object : FrzCallback<Module> {
            override fun onLoaded(network: Module) {
                module = network
            }
            override fun onFailed(cause: IOException) {
                show(cause.message)
            }
        },
        options
    )

    override fun onDestroy() {
        if (!loading.cancel()) module?.destroy()
        super.onDestroy()
    }

    fun load(lifecycleScope: CoroutineScope) {
        lifecycleScope.launch {
            try {
                module = FrzModule.loader(context, "model.ptl", "model.frz").await()
            } catch (e: IOException) {
                show(e.message)
            }
        }
    }

    fun learn(photoOfACup: ByteArray, photoOfABook: ByteArray, anotherPhoto: ByteArray) {
        val hidden = FrzFile.open(File(filesDir, "digits.frz")).use(HiddenLayer::of)
        val learner = ElmLearner(hidden)
        learner.add(photoOfACup, "cup")
        learner.add(photoOfABook, "book")
        val model = learner.solve()
        model.classify(anotherPhoto)
    }
}
