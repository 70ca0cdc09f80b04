package io.frz.benchmark

import androidx.annotation.WorkerThread
import io.frz.benchmark.internal.ManifestParser
import java.io.File
import java.util.Collections

/**
 * The contents of an assets folder: networks, each with models, labeled inputs, and reference outputs from the desktop.
 *
 * @property folder the folder
 * @property networks the networks, in the order in which they are measured
 * @property learning the test of on-device learning, or null if the folder has none
 * @property memory the test of growing resolutions, or null if the folder has none
 */
public class Manifest internal constructor(
    public val folder: File,
    networks: List<NetworkAssets>,
    public val learning: LearningAssets?,
    public val memory: MemoryAssets?
) {
    public val networks: List<NetworkAssets> = Collections.unmodifiableList(ArrayList(networks))

    /**
     * Returns the network named [name].
     *
     * @throws BenchmarkException if there is none
     */
    public fun network(name: String): NetworkAssets = networks.firstOrNull { it.name == name }
        ?: throw BenchmarkException("$folder: the manifest has no network named \"$name\"")

    /** Reads manifests. */
    public companion object {
        /** The name of the manifest within its folder. */
        public const val FILE: String = "manifest.json"

        /**
         * Reads the manifest of an assets folder, but none of the other files.
         *
         * @throws BenchmarkException if there is no manifest, or it is damaged or of another version
         */
        @JvmStatic
        @Throws(BenchmarkException::class)
        @WorkerThread
        public fun read(folder: File): Manifest = ManifestParser(folder).parse()
    }
}

/**
 * A network and its labeled inputs.
 *
 * @property name the name, unique in the manifest
 * @property title the display name
 * @property task the task: `classification`, `segmentation`, `generation` or `super-resolution`
 * @property metric how outputs are scored
 * @property scored the compressed variant that counts toward the score
 * @property isShort whether the short form of the suite includes the network
 * @property judge the models, by extension, of the classifier that scores the outputs; empty if none does
 * @property variants the variants; the first is dense
 */
public class NetworkAssets internal constructor(
    public val name: String,
    public val title: String,
    public val task: String,
    public val metric: Metric,
    public val scored: String,
    public val isShort: Boolean,
    internal val inputs: TensorFile,
    internal val targets: TensorFile,
    internal val judge: Map<String, String>,
    variants: List<Variant>
) {
    public val variants: List<Variant> = Collections.unmodifiableList(ArrayList(variants))

    /** The dense variant, with which the other variants are compared. */
    public val dense: Variant get() = variants.first()
}

/**
 * One form of a network: `dense` with float32 weights inside the model, or a skeleton with an `.frz` file, either
 * `rebuilt` or `factored`.
 *
 * @property name the name of the variant
 * @property tolerance the maximum acceptable relative L1 error, compared with the desktop
 */
public class Variant internal constructor(
    public val name: String,
    public val tolerance: Double,
    internal val outputs: TensorFile,
    internal val weights: String?,
    internal val models: Map<String, String>
)

/** The files for the test of on-device learning. */
public class LearningAssets internal constructor(
    internal val layer: String,
    internal val train: TensorFile,
    internal val trainLabels: TensorFile,
    internal val test: TensorFile,
    internal val testLabels: TensorFile,
    internal val outputs: TensorFile,
    internal val tolerance: Double
)

/**
 * The test of growing resolutions.
 *
 * @property network the name of the network
 * @property variants the names of the variants to compare: the dense one, then the compressed one
 * @property limit the memory limit, in bytes
 * @property sides the heights of the inputs, in ascending order; the width of an input is [aspect] times its height,
 *   rounded to a multiple of 16
 * @property aspect the ratio of width to height
 */
public class MemoryAssets internal constructor(
    public val network: String,
    variants: List<String>,
    public val limit: Long,
    sides: List<Int>,
    public val aspect: Double
) {
    public val variants: List<String> = Collections.unmodifiableList(ArrayList(variants))
    public val sides: List<Int> = Collections.unmodifiableList(ArrayList(sides))
}

/** A file of little-endian float32 elements, with its shape and checksum. */
internal class TensorFile(val file: String, val shape: LongArray, val crc32: String)
