package io.frz;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Calls the API from Java. */
class JavaCallerTest {
    private final byte[] bytes =
            new FrzBuilder().spectrum("conv.weight", Arrays.asList(8, 4), new float[] {8f, 1f}).build();

    @Test
    void opensEverySource(@TempDir Path folder) throws IOException {
        File path = folder.resolve("model.frz").toFile();
        Files.write(path.toPath(), bytes);
        try (FrzFile file = FrzFile.open(path)) {
            assertEquals(1, file.getTensors().size());
        }
        FrzOptions options = FrzOptions.builder().memoryBudget(1 << 20).threads(2).tier(0).build();
        try (FrzFile file = FrzFile.open(new ByteArrayInputStream(bytes), options)) {
            assertEquals(0, file.getTier());
        }
        FrzFile.open(ByteBuffer.wrap(bytes), FrzOptions.DEFAULT).close();
        FrzFile.open(bytes).close();
    }

    @Test
    void readsTensors() throws IOException {
        try (FrzFile file = FrzFile.open(bytes)) {
            TensorInfo info = file.tensor("conv.weight");
            assertEquals(DType.F32, info.getDtype());
            assertArrayEquals(new long[] {8, 4}, info.getShape());
            assertNull(info.getView());
            assertEquals(Integer.valueOf(2), info.getKept());
            assertEquals("dct", info.getBases().get(0).getLabel());

            FrzTensor tensor = file.load("conv.weight");
            FloatBuffer weights = tensor.getBuffer().asFloatBuffer();
            assertEquals(32, weights.remaining());

            ByteBuffer mine = ByteBuffer.allocateDirect((int) info.getBytes());
            file.loadInto("conv.weight", mine);
            assertEquals(0, mine.remaining());

            List<String> names = new ArrayList<>();
            file.forEach(visited -> names.add(visited.getName()));
            assertEquals(file.loadAll().keySet(), new java.util.HashSet<>(names));

            FloatBuffer core = file.core("conv.weight").getBuffer().asFloatBuffer();
            assertEquals(FloatBuffer.wrap(new float[] {8f, 1f}), core);
            Map<String, String> metadata = file.getMetadata();
            assertEquals(0, metadata.size());
            file.verify();
        }
    }

    @Test
    void listsCannotBeChanged() throws IOException {
        FrzFile file = FrzFile.open(bytes);
        TensorInfo info = file.tensor("conv.weight");
        List<List<?>> lists = Arrays.asList(
                file.getTensors(),
                file.getFactors(),
                file.getGroups(),
                file.getGroups().get(0).getTensors(),
                file.getGroups().get(0).getSizes(),
                info.getBases(),
                info.getFactors(),
                info.getSeeds(),
                info.getKeptByTier(),
                info.getCorners(),
                info.getOffsets());
        for (List<?> list : lists) assertThrows(UnsupportedOperationException.class, () -> list.add(null));
        for (Map<String, String> map : Arrays.asList(file.getAliases(), file.getMetadata())) {
            assertThrows(UnsupportedOperationException.class, () -> map.put("a", "b"));
        }
        info.getShape()[0] = 0;
        assertEquals(8, info.getShape()[0]);
    }

    @Test
    void closedFilesSaySo() throws IOException {
        FrzFile file = FrzFile.open(bytes);
        file.close();
        file.close();
        List<org.junit.jupiter.api.function.Executable> requests = Arrays.asList(
                () -> file.load("conv.weight"),
                () -> file.loadInto("conv.weight", ByteBuffer.allocate(128)),
                file::loadAll,
                () -> file.forEach(tensor -> {}),
                () -> file.forEach(asked -> null, tensor -> {}),
                () -> file.core("conv.weight"),
                () -> file.factor(0),
                file::verify);
        for (org.junit.jupiter.api.function.Executable request : requests) {
            assertEquals("closed", assertThrows(IllegalStateException.class, request).getMessage());
        }
    }

    @Test
    void failuresAreTyped() {
        FrzException thrown = assertThrows(FrzException.class, () -> FrzFile.open(new byte[] {1, 2, 3}));
        assertEquals(ErrorCode.MAGIC, thrown.getCode());
        assertEquals(Long.valueOf(0), thrown.getOffset());
        assertNull(thrown.getTensor());
        assertEquals("MAGIC: this is not an .frz file (offset 0)", thrown.getMessage());
    }
}
