package io.frz.demo.network

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
 * A network among the app's assets, as described in [CATALOG]. Adding a network requires no changes to the code.
 *
 * @property name the base name of the network's files: the skeleton `name.ptl` and the weights `name.frz`
 * @property dense the skeleton that takes rebuilt weights, if [skeleton] takes coefficients; otherwise null
 * @property title the name to display
 * @property tiers the tiers of the weights, smallest first; empty if there is only one
 * @property labels the labels of the network's logits
 * @property shown the index of the label that the mask shows
 * @property pictures the names of the assets with the pictures on which the network runs
 */
internal class NetworkInfo private constructor(
    val name: String,
    val dense: String?,
    val title: String,
    val tiers: List<Tier>,
    val task: Task,
    val pixels: Pixels,
    val labels: List<String>,
    val shown: Int,
    val pictures: List<String>
) {
    val skeleton: String get() = "$name.ptl"
    val weights: String get() = "$name.frz"

    /** Whether the network runs on coefficients. */
    val factored: Boolean get() = dense != null

    /**
     * A tier of a network.
     *
     * @property bytes the bytes of the file up to the end of the tier
     * @property accuracy the share of test pictures that are classified correctly, from 0 to 1
     */
    class Tier(val bytes: Long, val accuracy: Double)

    companion object {
        /** The asset that lists all networks. */
        const val CATALOG = "networks.json"

        /** Returns all networks; there is at least one. */
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
            dense = if (json.has("dense")) json.getString("dense") else null,
            title = json.getString("title"),
            tiers = json.optJSONArray("tiers")?.objects().orEmpty().map {
                Tier(it.getLong("bytes"), it.getDouble("accuracy"))
            },
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
