package io.frz.demo

import android.content.res.AssetManager
import java.io.IOException
import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject

/** The kind of a network's output. */
internal enum class Task {
    /** One label for the whole picture. */
    CLASSIFY,

    /** A label for each pixel. */
    SEGMENT
}

/**
 * A network among the app's assets, as [CATALOG] describes it. Adding a network requires no change to the code.
 *
 * @property name the base name of its files: the skeleton `name.ptl` and the weights `name.frz`
 * @property title the name to display
 * @property labels the labels of its logits
 * @property shown the index of the label that the mask shows
 * @property pictures the names of the assets to run it on
 */
internal class NetworkInfo private constructor(
    val name: String,
    val title: String,
    val task: Task,
    val pixels: Pixels,
    val labels: List<String>,
    val shown: Int,
    val pictures: List<String>
) {
    val skeleton: String get() = "$name.ptl"
    val weights: String get() = "$name.frz"

    override fun toString(): String = title

    companion object {
        /** The asset that lists all networks. */
        const val CATALOG = "networks.json"

        /** Returns all networks, at least one. */
        @Throws(IOException::class)
        fun all(assets: AssetManager): List<NetworkInfo> {
            val text = assets.open(CATALOG).use { it.readBytes().toString(Charsets.UTF_8) }
            try {
                val networks = JSONObject(text).getJSONArray("networks").objects().map { of(it) }
                return networks.ifEmpty { throw IOException("$CATALOG does not list any") }
            } catch (e: JSONException) {
                throw IOException("$CATALOG is malformed: ${e.message}", e)
            }
        }

        private fun of(json: JSONObject) = NetworkInfo(
            name = json.getString("name"),
            title = json.getString("title"),
            task = Task.valueOf(json.getString("task").uppercase()),
            pixels = Pixels(
                channels = json.getInt("channels"),
                width = json.optInt("width"),
                height = json.optInt("height"),
                longest = json.optInt("longest"),
                dark = json.optBoolean("dark"),
                mean = json.getJSONArray("mean").floats(),
                std = json.getJSONArray("std").floats()
            ),
            labels = json.getJSONArray("labels").strings(),
            shown = json.optInt("shown"),
            pictures = json.getJSONArray("pictures").strings()
        )

        private fun JSONArray.objects() = List(length()) { getJSONObject(it) }

        private fun JSONArray.strings() = List(length()) { getString(it) }

        private fun JSONArray.floats() = FloatArray(length()) { getDouble(it).toFloat() }
    }
}
