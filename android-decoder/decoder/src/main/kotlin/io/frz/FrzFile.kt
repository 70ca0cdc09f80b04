package io.frz

import io.frz.internal.Budget
import io.frz.internal.Lifetime
import io.frz.internal.Loader
import io.frz.internal.Model
import io.frz.internal.Request
import io.frz.internal.container.BufferSource
import io.frz.internal.container.Container
import io.frz.internal.container.FileSource
import io.frz.internal.container.MappedSource
import io.frz.internal.container.Source
import io.frz.internal.container.StreamSource
import io.frz.internal.quote
import java.io.Closeable
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.util.Collections

/**
 * An open `.frz` file: says what is inside without decoding it, and rebuilds the tensors that are asked for.
 *
 * A damaged file is never decoded: what does not match its checksum, or the format, is an [FrzException] that names the
 * tensor or the byte, whatever the bytes are. Memory is declared before it is taken: a request that needs more than
 * [FrzOptions.memoryBudget] is refused with [ErrorCode.BUDGET], and so is opening a file with a list of tensors that
 * long.
 *
 * ```
 * FrzFile.open(File("model.frz")).use { file ->
 *     val weight = file.load("conv1.weight")
 *     weight.buffer.asFloatBuffer()
 * }
 * ```
 *
 * Instances may be used by several threads at once.
 */
public class FrzFile private constructor(private val container: Container, options: FrzOptions) : Closeable {
    private val directory = container.directory

    /** What the file says about each of its tensors, in the order of the file. */
    public val tensors: List<TensorInfo> = ArrayList<TensorInfo>(directory.tensors).let { all ->
        for (group in directory.groups) for (i in group.names.indices) all.add(TensorInfo(group, i, container.tier))
        Collections.unmodifiableList(all)
    }

    /** How the tensors are stored together, in the order of the file. */
    public val groups: List<GroupInfo> = Collections.unmodifiableList(
        directory.groups.map { GroupInfo(it, tensors.subList(it.names.first, it.names.first + it.names.size)) }
    )

    private val atTier = Model(tensors, directory, container.tier)
    private val loader = Loader(container, groups, atTier, options)

    /** The tensors of the model, in the order of the file: all [tensors] but those that hold [rows]. */
    public val model: List<TensorInfo> = Collections.unmodifiableList(atTier.tensors)

    /**
     * Raw tensors that smaller tiers have otherwise, such as running statistics, and the tensors whose rows are theirs.
     * At a smaller tier, whatever loads the former gives its row; the latter are loaded by their own names only.
     */
    public val rows: Map<String, String> =
        Collections.unmodifiableMap(atTier.rows.entries.associate { it.key.name to it.value.name })

    /** Further names of tensors, such as those of tied weights, and the names that they stand for. */
    public val aliases: Map<String, String> = Collections.unmodifiableMap(directory.aliases())

    /** Texts about the model: licence, source, accuracy … Nothing in them changes how the file is decoded. */
    public val metadata: Map<String, String> = Collections.unmodifiableMap(directory.metadata)

    /** How many capacity levels the complete file has. */
    public val tiers: Int get() = directory.tiers

    /** How many of them are here, from the first; fewer than [tiers] if the file was cut after one. */
    public val tiersPresent: Int get() = container.tiersPresent

    /** The capacity level that is decoded. */
    public val tier: Int get() = container.tier

    /** Whether [name] is a tensor of the file, or an alias of one. */
    public operator fun contains(name: String): Boolean = directory.find(name) >= 0

    /** What the file says about the tensor called [name]; [ErrorCode.NOT_FOUND] if there is none. */
    @Throws(FrzException::class)
    public fun tensor(name: String): TensorInfo {
        val number = directory.find(name)
        if (number >= 0) return tensors[number]
        throw FrzException(
            ErrorCode.NOT_FOUND,
            "the file holds ${tensors.size} tensors, but none of this name",
            name
        )
    }

    /** Rebuilds the tensor called [name] in memory of its own; see [FrzTensor.buffer]. */
    @Throws(IOException::class)
    public fun load(name: String): FrzTensor = container.lifetime.request(name) { request ->
        val info = tensor(name)
        FrzTensor(name, info.dtype, info.shape, loader.load(request, info, null))
    }

    /**
     * Rebuilds the tensor called [name] in [target], from its position on, and advances the position past it.
     * The elements are little-endian, whatever the order of the buffer. If this throws, what is there is undefined.
     *
     * @throws IllegalArgumentException if [target] is read-only, or fewer bytes remain in it than [TensorInfo.bytes]
     */
    @Throws(IOException::class)
    public fun loadInto(name: String, target: ByteBuffer): Unit = container.lifetime.request(name) { request ->
        val info = tensor(name)
        val memory = portion(target, info)
        loader.load(request, info, memory)
        target.position(memory.limit())
    }

    /** Rebuilds all of the [model]. Aliases are among the keys and share the memory of what they stand for. */
    @Throws(IOException::class)
    public fun loadAll(): Map<String, FrzTensor> = container.lifetime.request(null) { request ->
        val loaded = HashMap<String, FrzTensor>()
        loader.loadAll(request) { info, memory -> loaded[info.name] = rebuilt(info, memory) }
        val all = model.associateTo(LinkedHashMap()) { it.name to loaded.getValue(it.name) }
        for ((alias, name) in aliases) {
            val target = loaded[name] ?: continue
            all[alias] = FrzTensor(alias, target.dtype, target.shape, target.buffer)
        }
        all
    }

    /**
     * Rebuilds the tensors of the [model] one after the other, in the order in which the file holds what the tier has
     * of them, and hands each to [visitor]. All are rebuilt in the same memory, so this takes no more of it than the
     * largest tensor; copy what has to outlive the visit.
     */
    @Throws(IOException::class)
    public fun forEach(visitor: TensorVisitor): Unit = container.lifetime.request(null) { request ->
        loader.forEach(request) { info, memory -> visit(request, visitor, info, memory) }
    }

    /**
     * Rebuilds the tensors of the [model] one after the other, in the same order, each in what [memory] gives for it,
     * and hands each to [visitor]. No memory but the caller's is taken for them.
     *
     * @throws IllegalArgumentException if a buffer is read-only, or fewer bytes remain in it than [TensorInfo.bytes]
     */
    @Throws(IOException::class)
    public fun forEach(memory: TensorMemory, visitor: TensorVisitor): Unit =
        container.lifetime.request(null) { request ->
            val allocate = { info: TensorInfo -> request.outside { memory.memory(info) }?.let { portion(it, info) } }
            loader.forEach(request, 0, allocate) { info, bytes -> visit(request, visitor, info, bytes) }
        }

    /**
     * The canonical coefficients of the tensor called [name]: the kept ones of its spectrum, in zigzag order.
     *
     * @throws IllegalArgumentException if the tensor is not stored by them, see [TensorInfo.coding]
     */
    @Throws(IOException::class)
    public fun coefficients(name: String): FloatArray = container.lifetime.request(name) { request ->
        val info = tensor(name)
        require(info.coding == Coding.DCT) { "tensor ${quote(name)} is stored as ${info.coding.label}, not as dct" }
        loader.coefficients(request, info)
    }

    /** Decodes everything up to [tier] without rebuilding it, and throws at the first fault. */
    @Throws(IOException::class)
    public fun verify(): Unit = container.lifetime.request(null) { loader.verify(it) }

    /** Lets go of the file on disk, if there is one. What has been loaded stays. */
    @Throws(IOException::class)
    override fun close(): Unit = container.close()

    /** The bytes of [target] that the tensor [info] is to fill. */
    private fun portion(target: ByteBuffer, info: TensorInfo): ByteBuffer {
        require(!target.isReadOnly) { "the buffer for tensor ${quote(info.name)} is read-only" }
        require(target.remaining() >= info.bytes) {
            "tensor ${quote(info.name)} takes ${info.bytes} bytes and the buffer has room for ${target.remaining()}"
        }
        val memory = target.duplicate()
        memory.limit(memory.position() + info.bytes.toInt())
        return memory
    }

    private fun visit(request: Request, visitor: TensorVisitor, info: TensorInfo, memory: ByteBuffer) {
        val tensor = rebuilt(info, memory.slice())
        request.outside { visitor.visit(tensor) }
    }

    private fun rebuilt(info: TensorInfo, memory: ByteBuffer) = FrzTensor(info.name, info.dtype, info.shape, memory)

    public companion object {
        /** Opens a file on disk, of which no more is read than requests need. */
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(file: File, options: FrzOptions = FrzOptions.DEFAULT): FrzFile = open(FileSource(file), options)

        /** Opens the bytes between position and limit of [bytes], such as a mapped file. They are not copied. */
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(bytes: ByteBuffer, options: FrzOptions = FrzOptions.DEFAULT): FrzFile =
            open(BufferSource(bytes), options)

        /**
         * Opens a part of a file, [length] bytes from [offset] on, such as an asset that is stored uncompressed:
         * `assets.openFd("model.frz").use { open(FileInputStream(it.fileDescriptor).channel, it.startOffset, it.length) }`.
         *
         * The part is mapped into memory, which takes none of the heap; [channel] may be closed when this returns. The
         * file must not be cut while it is open here.
         *
         * @throws IllegalArgumentException if the channel's file has not so many bytes
         */
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(
            channel: FileChannel,
            offset: Long,
            length: Long,
            options: FrzOptions = FrzOptions.DEFAULT
        ): FrzFile {
            val size = channel.size()
            require(offset in 0..size && length in 0..size - offset) {
                "the channel has $size bytes, not $length from byte $offset on"
            }
            return open(MappedSource(channel, offset, length), options)
        }

        /** Opens a file in memory. It is not copied. */
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(bytes: ByteArray, options: FrzOptions = FrzOptions.DEFAULT): FrzFile =
            open(ByteBuffer.wrap(bytes), options)

        /**
         * Opens the file that [stream] brings. It is read no further than [FrzOptions.tier] needs, is kept in memory as
         * far as it was read, and is the caller's to close when this returns.
         */
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(stream: InputStream, options: FrzOptions = FrzOptions.DEFAULT): FrzFile =
            open(StreamSource(stream, Budget(options.memoryBudget)), options)

        private fun open(source: Source, options: FrzOptions): FrzFile {
            val lifetime = Lifetime()
            var opened = false
            try {
                return lifetime.request(null) { request ->
                    FrzFile(Container.open(source, options, lifetime, request), options).also { opened = true }
                }
            } finally {
                if (!opened) source.close()
            }
        }
    }
}
