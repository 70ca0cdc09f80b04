package io.frz.demo.share

import android.content.Context
import io.frz.demo.R
import io.frz.demo.network.LoadedNetwork
import io.frz.demo.network.Memory
import io.frz.demo.network.Pictures
import java.io.File
import java.io.IOException
import org.json.JSONArray
import org.json.JSONObject

/** The results of a network on this phone, in the format of docs/parity-report.md. */
internal class ParityReport(private val context: Context, private val network: LoadedNetwork) {
    /**
     * Runs the network on all its pictures and writes the report. [progress] is called with the next index and the
     * total.
     */
    @Throws(IOException::class)
    fun write(progress: (Int, Int) -> Unit): File {
        val pictures = network.info.pictures
        val inputs = JSONArray()
        pictures.forEachIndexed { index, picture ->
            progress(index, pictures.size)
            inputs.put(input(picture))
        }
        val json = JSONObject()
            .put("format", "frz-parity-report")
            .put("version", 1)
            .put("created", SharedFiles.time("yyyy-MM-dd'T'HH:mm:ss'Z'"))
            .put("producer", JSONObject().put("name", "frz-demo").put("version", Phone.version(context)))
            .put("device", JSONObject(Phone.facts(context)))
            .put("runtime", JSONObject().put("name", context.getString(R.string.runtime)).put("version", runtime()))
            .put("model", model())
            .put("load", load())
            .put("memory", memory())
            .put("inputs", inputs)
        return SharedFiles.save(context, "parity-${network.info.name}", json.toString())
    }

    private fun input(picture: String): JSONObject {
        val input = network.info.pixels.tensor(network.info.pixels.fit(Pictures.asset(context.assets, picture)))
        val json = JSONObject()
            .put("name", picture.substringBeforeLast('.'))
            .put("shape", JSONArray(input.shape().toList()))
            .put("crc32", Summary.checksum(input))
        val times = JSONArray()

        @Suppress("TooGenericExceptionCaught") // The interpreter's native code throws nothing more specific.
        val output = try {
            if (network.firstForward == null) network.run(input)
            network.run(input).also { times.put(it.time) }.output
        } catch (e: RuntimeException) {
            return json.put("error", "${e.message ?: e}".lineSequence().first())
        }
        return json.put("ms", times).put("output", Summary.output(output.logits, output.shape, output.classes))
    }

    private fun model(): JSONObject {
        val weights = file(network.info.weights, network.fileBytes)
        if (network.tier < network.tiers - 1) weights.put("tier", network.tier)
        return JSONObject().put("skeleton", file(network.skeleton, network.skeletonBytes)).put("weights", weights)
    }

    private fun file(asset: String, bytes: Long) = JSONObject()
        .put("file", asset)
        .put("bytes", bytes)
        .put("crc32", Summary.checksum(context.assets.open(asset)))

    private fun load() = JSONObject()
        .put("total", network.loadTime)
        .put("skeleton", network.skeletonTime)
        .put("decode", network.decodeTime())
        .put("first_forward", network.firstForward)

    private fun memory() = JSONObject()
        .put("before", network.before.resident)
        .put("loaded", network.after.resident)
        .put("peak", Memory().peak)

    private fun runtime() = context.getString(R.string.runtime_version)
}
